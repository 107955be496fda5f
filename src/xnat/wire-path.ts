/**
 * How the path of a file is written into a URL, and what the server makes of it.
 *
 * XNAT (since 1.8.4) decodes the path of a file only if it contains `%20` or `%2B`, and then the whole of it; any
 * other escape is stored literally, so `a#b` sent as `a%23b` is stored under the name `a%23b`. A GET looks for the
 * path as sent and then for its decoded form, a DELETE only for the first (xnat-wire.md §3.6, §6).
 */

/** Characters that may stand in a URL path as they are (RFC 3986 `pchar` without escapes); '/' separates. */
const plain = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]+/g

/**
 * A path that is sent so that the server decodes all of it: because of a blank, or of a plus beside other escapes. A
 * plus alone needs no escape, and servers before 1.8.4, which decode nothing, store it as it is.
 */
function isDecodedByServer(path: string): boolean {
  return path.includes(' ') || (path.includes('+') && path.search(plain) !== -1)
}

/** URLs are rewritten where a segment is empty, '.' or '..', escaped or not: such a path would name another file. */
function isRewritten(path: string): boolean {
  return path.split('/').some((segment) => /^(\.|%2e){0,2}$/i.test(segment))
}

/** Tomcat answers 400 to URLs with these escapes, whatever is meant by them (xnat-wire.md §3.6). */
const refusedEscape = /%(2f|5c|00)/i

/** A backslash would have to be escaped. */
function isUnnameable(path: string): boolean {
  return isRewritten(path) || path.includes('\\')
}

/**
 * The URL path under which a GET finds the file that is stored as `storedPath`, or undefined if there is none. XNAT
 * looks for the path as it was sent first: where no URL is exact (`exactPath`), a file that is stored under the very
 * escapes hides the one that was meant.
 */
export function readPath(storedPath: string): string | undefined {
  return isUnnameable(storedPath) ? undefined : (exactPath(storedPath) ?? encodeAll(storedPath))
}

/**
 * As `readPath`, in the prearchive: it looks for the path as it was sent and then for its decoded form, whatever escapes
 * there are, but with the characters escaped that mean something in XML.
 */
export function prearchivedReadPath(storedPath: string): string | undefined {
  if (isUnnameable(storedPath)) return undefined
  return encodeAll(storedPath).replaceAll("'", '%27')
}

function encodeAll(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** Whether a GET takes a part of the path for an archive file, and what follows for a file in that (§2.4). */
export function isMemberPath(storedPath: string): boolean {
  return /\.(zip|jar|rar|ear|gar|mrb)[/!]/i.test(storedPath)
}

/** The URL path that a PUT of a new file with this name needs. */
export function storePath(path: string): string {
  return isDecodedByServer(path) ? encodeAll(path) : path.replace(plain, (text) => encodeURIComponent(text))
}

/** The name under which a file put to `storePath(path)` is stored and listed. */
export function storedAs(path: string): string {
  return isDecodedByServer(path) ? path : storePath(path)
}

/**
 * The URL path that hits exactly the stored file in a DELETE or an overwriting PUT, or undefined where there is none:
 * a name such as `a#b` that came in by import cannot be written into a URL so that the server sees it again.
 * @param decodes false: a server before 1.8.4, which decodes no path
 */
export function exactPath(storedPath: string, decodes = true): string | undefined {
  if (isUnnameable(storedPath)) return undefined
  if (decodes && isDecodedByServer(storedPath)) return encodeAll(storedPath)
  const isUrlText = storedPath.replace(/%[0-9A-Fa-f]{2}/g, '').search(plain) === -1
  const isExact = isUrlText && !refusedEscape.test(storedPath)
  return isExact && !(decodes && /%20|%2B/.test(storedPath)) ? storedPath : undefined
}

/** Whether a server of this version decodes paths of files: it does unless it is known to be older than 1.8.4. */
export function decodesPaths(version: string | undefined): boolean {
  const numbers = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version ?? '')?.slice(1)
  if (!numbers) return true
  const [major, minor, patch] = numbers.map((number) => Number(number ?? 0)) as [number, number, number]
  return major > 1 || (major === 1 && (minor > 8 || (minor === 8 && patch >= 4)))
}

/**
 * The name to show for a stored path: the inverse of `storedAs`, so that a file is listed under the name it was given.
 * What no client can have meant as an escape is shown as it is.
 */
export function shownPath(storedPath: string): string {
  if (isDecodedByServer(storedPath) || !storedPath.includes('%')) return storedPath
  try {
    const decoded = storedPath.split('/').map(decodeSegment).join('/')
    const isOurs = storePath(decoded).toUpperCase() === storedPath.toUpperCase()
    return isOurs ? decoded : storedPath
  } catch {
    return storedPath // not UTF-8 when decoded
  }
}

function decodeSegment(segment: string): string {
  const decoded = decodeURIComponent(segment)
  return /[/\0]/.test(decoded) || decoded === '.' || decoded === '..' ? segment : decoded
}
