import type { Archive, DirectoryEntry, FileEntry } from '../../archive/archive.js'
import { XnatArchive } from '../../archive/xnat-archive.js'
import { causeChain, Log } from '../../util/log.js'
import { XnatClient } from '../../xnat/client.js'
import { Http } from '../../xnat/http.js'
import { Session } from '../../xnat/session.js'
import { foreignLogIn } from '../credentials.js'
import type { FoundCredentials } from '../credentials.js'
import { CliError, exitCodes } from '../exit.js'
import type { MountFlags } from '../flags.js'
import { explainLogIn } from '../log-in.js'
import { insecureWarning, reachOf } from '../server-access.js'
import { durationText } from '../text.js'
import { toCliError } from '../to-cli-error.js'
import { version } from '../version.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

export interface ServerQuestion {
  readonly url: string
  readonly flags: MountFlags
  readonly findLogIn: () => Promise<FoundCredentials>
  readonly now: () => number
}

/** A clock that is off by more makes tokens end early and times of files wrong. */
const mostSkewMs = 60_000
/** An archive may have thousands of projects without a file. */
const mostListings = 40

/** Asks a server in the order in which a mount would: what cannot be asked any more is left out. */
export async function checkServer(question: ServerQuestion): Promise<Finding[]> {
  const { url, flags } = question
  const http = new Http({
    baseUrl: url,
    userAgent: `xnatfs/${version()}`,
    connections: 4,
    reach: reachOf(url, flags, process.env),
  })
  try {
    const reached = await checkReachable(http, question)
    if (reached.some(({ verdict }) => verdict === 'fail')) return reached
    return [...checkCare(question), ...reached, ...(await checkLoggedIn(http, question))]
  } finally {
    await http.close()
  }
}

async function checkReachable(http: Http, { url, now }: ServerQuestion): Promise<Finding[]> {
  const sinceMs = performance.now()
  try {
    const response = await http.send({ method: 'GET', path: '/data/auth' })
    response.discard()
    const tookMs = Math.round(performance.now() - sinceMs)
    return [ok('server', `${url} answers (${tookMs} ms)`), checkClock(response.header('date'), now())]
  } catch (error) {
    const { reason, nextStep } = toCliError(error).refusal
    return [fail('server', reason, nextStep)]
  }
}

function checkClock(date: string | undefined, nowMs: number): Finding {
  const serverMs = date === undefined ? NaN : Date.parse(date)
  if (Number.isNaN(serverMs))
    return warn('clock', 'the server does not tell its time', 'nothing can be done here')
  const skewMs = nowMs - serverMs
  if (Math.abs(skewMs) <= mostSkewMs) return ok('clock', 'agrees with the server')
  const way = skewMs > 0 ? 'ahead of' : 'behind'
  const remedy = 'set the clock (timedatectl set-ntp true), or tell the administrators of the server'
  return warn('clock', `is ${durationText(Math.abs(skewMs) / 1000)} ${way} the server's`, remedy)
}

function checkCare({ url, flags }: ServerQuestion): Finding[] {
  return [
    ...(flags.insecure ? [warn('certificate', insecureWarning(url), 'give --ca-file in its place')] : []),
    ...(url.startsWith('http:') && !/\/\/(localhost|127\.|\[::1\])/.test(url)
      ? [warn('encryption', `${url} is not encrypted: anybody on the way can read the password`, 'use https')]
      : []),
  ]
}

async function checkLoggedIn(http: Http, question: ServerQuestion): Promise<Finding[]> {
  const { url, findLogIn } = question
  let found: FoundCredentials | undefined
  try {
    found = await findLogIn()
    const session = new Session(http, found.credentials)
    try {
      const client = new XnatClient(session)
      const user = await client.whoAmI()
      const who = found.credentials
        ? ok('log-in', `as ${user}, by ${found.source}`)
        : warn(
            'log-in',
            'a guest: only what is public is seen',
            foreignLogIn(url, process.env) ?? 'run `xnatfs login`',
          )
      return [who, await checkVersion(client), await checkRange(archiveOf(session))]
    } finally {
      await session.end().catch(() => {}) // the server forgets the session by itself
    }
  } catch (error) {
    const explained = explainLogIn(error, url, found?.source)
    const reason = explained instanceof Error ? explained.message : String(explained)
    if (explained instanceof CliError && explained.exitCode === exitCodes.notLoggedIn) {
      return [fail('log-in', reason, foreignLogIn(url, process.env) ?? `run \`xnatfs login ${url}\``)]
    }
    return [fail('server', reason, 'check the URL, and look at it in a browser')]
  }
}

async function checkVersion(client: XnatClient): Promise<Finding> {
  const found = await client.version().catch(() => undefined)
  if (found === undefined)
    return warn('version', 'the server does not tell its version', 'XNAT 1.7 or newer is known to work')
  const [major = 0, minor = 0] = found.split('.').map(Number)
  return major > 1 || (major === 1 && minor >= 7)
    ? ok('version', `XNAT ${found}`)
    : warn('version', `XNAT ${found} is older than what is tested`, 'XNAT 1.7 or newer is known to work')
}

async function checkRange(archive: Archive): Promise<Finding> {
  try {
    const file = await firstFile(archive)
    if (!file) return ok('ranges', 'not tried: no file was found')
    const fetched = await archive.fetch(file, { first: 1, last: 1 }, 'foreground')
    fetched.discard()
    if (fetched.rangeHonoured) return ok('ranges', 'a part of a file can be asked for')
    const text = 'are ignored: a byte of a file costs the whole file'
    return warn(
      'ranges',
      text,
      'ask the administrators whether a proxy before XNAT takes the Range header away',
    )
  } catch (error) {
    return warn('ranges', `not known: ${causeChain(error)}`, 'try again, or see whether files can be read')
  }
}

async function firstFile(archive: Archive): Promise<FileEntry | undefined> {
  const open: DirectoryEntry[] = [archive.root]
  for (let listings = 0; open.length > 0 && listings < mostListings; listings++) {
    const { entries } = await archive.list(open.pop()!)
    const file = entries.find((entry) => entry.kind === 'file' && (entry.sizeBytes ?? 0) > 1)
    if (file) return file as FileEntry
    open.push(...entries.filter((entry) => entry.kind === 'directory').toReversed())
  }
  return undefined
}

function archiveOf(session: Session): Archive {
  const log = new Log({ level: 'error', write: () => {} }) // what fails is a finding
  return new XnatArchive({
    session,
    log,
    listingTtlMs: 60_000,
    allowRawWrites: false,
    allowRelabel: false,
  })
}
