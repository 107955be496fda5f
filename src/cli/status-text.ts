import { requestKinds } from '../util/counters.js'
import { printable } from '../util/log.js'
import type { MountStatus } from './mount-status.js'
import { countText, durationText, sizeText } from './text.js'

/** What a mount is doing, for a terminal. */
export function statusText(status: MountStatus): string {
  const { url, user, mountpoint, isReadOnly, writeMode, driver, pid, uptimeSeconds } = status
  const mode = isReadOnly ? 'read-only' : `writing, mode ${writeMode}`
  const lines = [
    mountpoint,
    row('server', `${url} as ${user}${status.server.isReachable ? '' : '; it does not answer'}`),
    ...refusalRow(status),
    ...staleRow(status),
    row('mounted', `${durationText(uptimeSeconds)} ago, process ${pid}, ${mode}`),
    row('driver', `${driver.name}: ${driver.why}`),
    ...requestRows(status),
    ...cacheRows(status),
    row('ahead', aheadText(status)),
    ...kernelRow(status),
    ...pendingRows(status),
    ...status.troubles.map(({ at, level, text }, i) => row(i === 0 ? 'log' : '', `${at} ${level} ${text}`)),
  ]
  return lines.map(printable).join('\n')
}

function row(name: string, text: string): string {
  return `  ${name.padEnd(9)}${text}`
}

function refusalRow({ server, mountpoint }: MountStatus): string[] {
  if (server.logInNeeded === null) return []
  return [row('log-in', `needed: ${server.logInNeeded}; then xnatfs refresh ${mountpoint}`)]
}

function staleRow({ server }: MountStatus): string[] {
  if (server.staleListings === 0) return []
  const when = server.isReachable ? 'while it did not answer' : 'and may be out of date'
  return [row('', `${countText(server.staleListings, 'older listing')} shown, ${when}`)]
}

function requestRows({ requests }: MountStatus): string[] {
  const used = requestKinds.filter((kind) => requests[kind].count > 0)
  return used.map((kind, i) => {
    const { count, failed, receivedBytes, sentBytes } = requests[kind]
    const bytes = [
      ...(receivedBytes > 0 ? [`${sizeText(receivedBytes)} received`] : []),
      ...(sentBytes > 0 ? [`${sizeText(sentBytes)} sent`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
    ]
    return row(i === 0 ? 'requests' : '', [`${kind} ${count}`, ...bytes].join(', '))
  })
}

function cacheRows({ memory, disk }: MountStatus): string[] {
  const ofMemory = `${sizeText(memory.bytes)} of ${sizeText(memory.maxBytes)}, ${hitText(memory)}`
  if (!disk) return [row('memory', ofMemory), row('disk', 'nothing is kept')]
  const used = disk.bytes === null ? 'not looked through yet' : sizeText(disk.bytes)
  const trouble = [
    ...(disk.corrupt > 0 ? [`; ${disk.corrupt} were damaged`] : []),
    ...(disk.trouble === null ? [] : [`; left alone: ${disk.trouble}`]),
  ]
  const ofDisk = `${used} of ${sizeText(disk.maxBytes)}, ${hitText(disk)}, in ${disk.directory}${trouble.join('')}`
  return [row('memory', ofMemory), row('disk', ofDisk)]
}

function hitText({ hits, misses }: { readonly hits: number; readonly misses: number }): string {
  const asked = hits + misses
  return asked === 0 ? 'not asked yet' : `${Math.round((100 * hits) / asked)} % of ${asked} blocks found`
}

function aheadText({ ahead }: MountStatus): string {
  const { readAheadBytes, together, singly, files, bytes, unreadBytes } = ahead
  const count = together + singly
  const of = count === 1 ? '1 directory' : `${count} directories`
  const directories = `${countText(files, 'file')} of ${of} (${together} by one request), ${sizeText(bytes)}`
  const unread = unreadBytes > 0 ? `, ${sizeText(unreadBytes)} not read yet` : ''
  return `${sizeText(readAheadBytes)} within files; ${directories}${unread}`
}

function kernelRow({ kernel }: MountStatus): string[] {
  if (!kernel) return []
  const { requests, readBytes, writtenBytes, passthroughOpens, servedReads } = kernel
  const bytes = `${sizeText(readBytes)} read, ${sizeText(writtenBytes)} written`
  const passed = passthroughOpens > 0 ? `, ${passthroughOpens} opens passed through to the disk cache` : ''
  const served = servedReads > 0 ? `, ${countText(servedReads, 'read')} straight from the disk cache` : ''
  return [row('kernel', `${countText(requests, 'request')}, ${bytes}${passed}${served}`)]
}

const pendingShown = 10

function pendingRows({ pending }: MountStatus): string[] {
  if (pending.length === 0) return [row('pending', 'nothing: everything is on the server')]
  const sizeBytes = pending.reduce((sum, file) => sum + file.sizeBytes, 0)
  const lines = pending
    .slice(0, pendingShown)
    .map(({ path, reason }) => row('', `${path}${reason === undefined ? '' : `: ${reason}`}`))
  const rest = pending.length - lines.length
  const more = rest > 0 ? [row('', `and ${rest} more; xnatfs pending list shows them`)] : []
  return [row('pending', `${countText(pending.length, 'file')}, ${sizeText(sizeBytes)}`), ...lines, ...more]
}
