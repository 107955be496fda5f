import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ByteSpan } from './byte-ranges.js'

export interface UnsentBytes {
  /** From the mountpoint. */
  readonly path: string
  readonly stagingPath: string
  readonly reason: string
  /** Stretches of the stored file that could not be fetched any more: zeros in the bytes kept. */
  readonly missing: readonly ByteSpan[]
}

/** Longest part of a name that is kept; the rest of the file name needs some too. */
const nameBytes = 120

/**
 * Copies bytes that could not be sent to a place where their owner finds them, with a note of where they belong.
 * @returns the path of the copy; `.partial` if bytes are missing
 */
export async function keepUnsent(
  directory: string,
  bytes: UnsentBytes,
  context: { readonly url: string; readonly mountpoint: string; readonly at: Date },
): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const stamp = context.at.toISOString().replace(/[:.]/g, '-')
  const name = Buffer.from(basename(bytes.path))
    .subarray(0, nameBytes)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
  const suffix = bytes.missing.length > 0 ? '.partial' : ''
  const { path: target, index } = await copyToFree(bytes.stagingPath, (i) =>
    join(directory, `${stamp}-${i}-${name}${suffix}`),
  )
  const { path, reason, missing } = bytes
  const note = {
    ...context,
    at: context.at.toISOString(),
    path,
    reason,
    ...(missing.length > 0 && { missing }),
  }
  await writeFile(
    join(directory, `${stamp}-${index}-${name}${suffix}.json`),
    JSON.stringify(note, undefined, 2) + '\n',
    {
      mode: 0o600,
    },
  )
  return target
}

async function copyToFree(
  from: string,
  candidate: (index: number) => string,
): Promise<{ path: string; index: number }> {
  for (let index = 0; ; index++) {
    const path = candidate(index)
    try {
      await copyFile(from, path, 1) // COPYFILE_EXCL
      return { path, index }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
  }
}
