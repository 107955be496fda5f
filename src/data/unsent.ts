import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface UnsentBytes {
  /** From the mountpoint. */
  readonly path: string
  readonly stagingPath: string
  readonly reason: string
}

/**
 * Moves bytes that could not be sent to a place where their owner finds them, with a note of where they belong.
 * @returns the paths of the kept files, in the order of `files`
 */
export async function keepUnsent(
  directory: string,
  files: readonly UnsentBytes[],
  context: { readonly url: string; readonly mountpoint: string; readonly at: Date },
): Promise<string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const stamp = context.at.toISOString().replace(/[:.]/g, '-')
  const kept: string[] = []
  for (const [index, file] of files.entries()) {
    const target = join(directory, `${stamp}-${index}-${basename(file.path).slice(0, 150)}`)
    await move(file.stagingPath, target)
    const note = { ...context, at: context.at.toISOString(), path: file.path, reason: file.reason }
    await writeFile(`${target}.json`, JSON.stringify(note, undefined, 2) + '\n', { mode: 0o600 })
    kept.push(target)
  }
  return kept
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch {
    await copyFile(from, to) // another file system
  }
}
