import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A mounted file system, as the kernel lists it. */
export interface MountInfo {
  readonly id: number
  /** `major:minor`, as /sys names it. */
  readonly device: string
  readonly mountpoint: string
  readonly fsType: string
  readonly source: string
}

/** The file system type that our mounts have in /proc/mounts. */
export const fsType = 'fuse.xnatfs'

/** @param text of /proc/self/mountinfo (proc(5)); blanks in names are octal escapes there */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ')
    const fields = before?.split(' ') ?? []
    const [type, source] = after?.split(' ') ?? []
    if (fields.length < 5 || type === undefined) return []
    return [
      {
        id: Number(fields[0]),
        device: fields[2]!,
        mountpoint: unescapeOctal(fields[4]!),
        fsType: type,
        source: unescapeOctal(source ?? ''),
      },
    ]
  })
}

export async function listMounts(): Promise<MountInfo[]> {
  return parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** The topmost file system mounted exactly here. Does not touch the path, which may be a mount that hangs. */
export async function mountAt(path: string): Promise<MountInfo | undefined> {
  return (await listMounts()).findLast((mount) => mount.mountpoint === path)
}

/** Whether the program behind a FUSE mount has died. A live mount of another process answers at once. */
export async function isDeadMount(path: string): Promise<boolean> {
  try {
    await stat(path)
    return false
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return code === 'ENOTCONN' || code === 'ECONNABORTED'
  }
}

/**
 * Unmounts. @param options.lazy take it out of the tree now, even while programs use it
 * @throws Error with what the program said: "… Device or resource busy"
 */
export async function unmount(path: string, options: { readonly lazy?: boolean } = {}): Promise<void> {
  const attempts: (readonly [string, readonly string[]])[] = [
    ['fusermount3', options.lazy ? ['-u', '-z', '--', path] : ['-u', '--', path]],
    ['fusermount', options.lazy ? ['-u', '-z', '--', path] : ['-u', '--', path]],
    ['umount', options.lazy ? ['-l', '--', path] : ['--', path]],
  ]
  let failure: unknown
  for (const [command, parameters] of attempts) {
    try {
      await run(command, parameters)
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) failure ??= error
    }
  }
  const said = failure instanceof Error && 'stderr' in failure ? String(failure.stderr).trim() : ''
  if (said !== '') throw new Error(said.replace(/\s*\n\s*/g, '; ')) // the cause would only say it again
  throw new Error(`cannot unmount ${path}`, { cause: failure })
}

/** Resolves when the mount with this ID is no longer there. The kernel tells nobody, so the list is read now and then. */
export function unmounted(id: number, intervalMs = 500): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      listMounts().then(
        (mounts) => {
          if (mounts.some((mount) => mount.id === id)) return
          clearInterval(timer)
          resolve()
        },
        () => {}, // unreadable for a moment; the next look tells
      )
    }, intervalMs)
  })
}

function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text
  const bytes: number[] = []
  for (let i = 0; i < text.length; i++) {
    const octal = text[i] === '\\' ? /^[0-7]{3}/.exec(text.slice(i + 1))?.[0] : undefined
    if (octal === undefined) bytes.push(...Buffer.from(text[i]!))
    else {
      bytes.push(Number.parseInt(octal, 8))
      i += 3
    }
  }
  return Buffer.from(bytes).toString('utf8')
}
