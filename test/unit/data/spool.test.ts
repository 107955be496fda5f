import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { FetchedBytes } from '../../../src/archive/archive.js'
import { Spool } from '../../../src/data/spool.js'
import { SpoolFile } from '../../../src/data/spool-file.js'
import { md5, patternBytes } from '../../support/byte-source.js'

const bytes = patternBytes(1000, 1)
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-spool-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(directory, { recursive: true })
})

async function* inChunks(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield await Promise.resolve(bytes.subarray(at, at + 100))
}

const whole = (): FetchedBytes => ({
  first: 0,
  rangeHonoured: false,
  totalBytes: bytes.length,
  answerVersion: 'a1',
  isRecent: false,
  body: inChunks(),
  discard: () => {},
})

it('a chunk that the disk did not take at once counts once', async () => {
  const append = vi.spyOn(SpoolFile.prototype, 'append')
  append.mockRejectedValueOnce(Object.assign(new Error('no room for now'), { code: 'ENOSPC' }))
  const damaged = vi.fn<(md5: string) => void>()
  let taken: Buffer | undefined
  const spool = new Spool(
    {
      name: 'a.nii',
      sizeBytes: bytes.length,
      digest: md5(bytes),
      directory,
      fetch: () => Promise.resolve(whole()),
      onOtherSize: () => {
        throw new Error('another size')
      },
      checkDamaged: damaged,
      onComplete: async (path) => void (taken = await readFile(path)),
      sleep: () => Promise.resolve(),
    },
    whole(),
  )
  expect(Buffer.from(await spool.read(0, bytes.length, undefined)).equals(bytes)).toBe(true)
  await spool.remove()
  expect(taken?.equals(bytes)).toBe(true)
  expect(damaged).not.toHaveBeenCalled()
})
