import { printable } from '../util/log.js'
import { askMount, refusedByMount } from './ask-mount.js'
import type { ControlAnswer } from './control.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { findMount } from './find-mount.js'
import type { PrefetchFlags } from './flags.js'
import type { PrefetchReport, PrefetchWhat } from './prefetch-task.js'
import { ProgressLine } from './progress-line.js'
import { countText, durationText, sizeText } from './text.js'

/**
 * `xnatfs prefetch`: returns when everything at these paths and below is in the cache of their mount. Whoever ends it
 * before, by Ctrl-C, stops the mount's work too.
 */
export async function prefetchCommand(paths: readonly string[], flags: PrefetchFlags): Promise<ExitCode> {
  if (flags.plan && flags.check) {
    const reason = 'the one says what it would cost, the other what is there'
    throw new CliError(exitCodes.usage, { thing: '--plan and --check', reason, nextStep: 'give one of them' })
  }
  const what: PrefetchWhat = flags.plan ? 'plan' : flags.check ? 'check' : 'fetch'
  const byMount = new Map<string, string[]>()
  for (const path of paths) {
    const found = await findMount(path)
    byMount.set(found.mountpoint, [...(byMount.get(found.mountpoint) ?? []), found.path])
  }
  let exitCode: ExitCode = exitCodes.success
  for (const [mountpoint, inside] of byMount) {
    const line = new ProgressLine(process.stderr)
    const answer = await askMount(mountpoint, { command: 'prefetch', paths: inside, what }, (progress) =>
      line.show({ ...progress.plan, ...progress.progress }),
    )
    line.end()
    if (!tell(mountpoint, answer, what)) exitCode = exitCodes.failure
  }
  return exitCode
}

/** @returns whether everything is as it was asked for */
function tell(mountpoint: string, answer: ControlAnswer, what: PrefetchWhat): boolean {
  const report = answer.prefetch
  if (!report) {
    throw refusedByMount(mountpoint, answer)
  }
  const { plan, failures } = report
  const lines = { plan: planLine, check: checkLine, fetch: fetchLine }[what](report)
  if (plan.unsized > 0)
    lines.push(`${countText(plan.unsized, 'file')} of unknown size: read when they are opened`)
  for (const { name, reason } of failures) lines.push(`not fetched: ${name}: ${reason}`)
  process.stdout.write(`${lines.map(printable).join('\n')}\n`)
  return what === 'plan' || (answer.isDone && isWhole(report))
}

function isWhole({ plan, progress }: PrefetchReport): boolean {
  return plan.files === progress.filesDone
}

function planLine({ plan, aboutSeconds, capacityBytes }: PrefetchReport): string[] {
  const bytes = plan.bytes - plan.cachedBytes
  if (plan.requests === 0) return [`${totalText(plan)}: all of it is cached`]
  const time =
    aboutSeconds === null ? 'nothing was read yet that tells how long' : `about ${durationText(aboutSeconds)}`
  const room =
    bytes > capacityBytes ? [`the cache holds ${sizeText(capacityBytes)} only; raise --cache-size`] : []
  return [
    `${totalText(plan)}; to fetch: ${sizeText(bytes)} by ${countText(plan.requests, 'request')}, ${time}`,
    ...room,
  ]
}

function checkLine({ plan }: PrefetchReport): string[] {
  const { bytes, cachedBytes, cachedFiles } = plan
  const share = bytes === 0 ? 100 : Math.floor((100 * cachedBytes) / bytes)
  return [
    `${totalText(plan)}; cached: ${countText(cachedFiles, 'file')}, ${sizeText(cachedBytes)} (${share} %)`,
  ]
}

function fetchLine({ plan, progress, capacityBytes }: PrefetchReport): string[] {
  const missing = plan.bytes - plan.cachedBytes
  if (missing > capacityBytes) {
    const room = `the cache holds ${sizeText(capacityBytes)}`
    return [
      `nothing is fetched: ${sizeText(missing)} are missing, and ${room}; mount with a larger --cache-size`,
    ]
  }
  return [
    `${totalText(plan)}; cached: ${countText(progress.filesDone, 'file')}, ${sizeText(progress.bytesDone)}`,
  ]
}

function totalText({ files, bytes }: PrefetchReport['plan']): string {
  return `${countText(files, 'file')}, ${sizeText(bytes)}`
}
