import { createHash } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './processes.js'

export async function md5OfFile(path: string): Promise<string> {
  return createHash('md5')
    .update(await readFile(path))
    .digest('hex')
}

/** What dcm2niix makes of a folder: the MD5 of each output by its name. */
export async function convert(input: string, extra: readonly string[] = []): Promise<Record<string, string>> {
  const output = await mkdtemp(join(tmpdir(), 'xnatfs-nifti-'))
  try {
    const parameters = ['-b', 'y', '-z', 'n', '-f', '%p_%s', ...extra, '-o', output, input]
    const { code, stdout, stderr } = await run('dcm2niix', parameters, { timeoutMs: 120_000 })
    if (code !== 0) throw new Error(`dcm2niix ${input} ended with ${code}: ${stdout}${stderr}`)
    const digests: Record<string, string> = {}
    for (const name of (await readdir(output)).toSorted()) digests[name] = await md5OfFile(join(output, name))
    return digests
  } finally {
    await rm(output, { recursive: true })
  }
}
