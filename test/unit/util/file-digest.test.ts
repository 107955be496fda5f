import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileDigest } from '../../../src/util/file-digest.js'

let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  path = join(directory, 'file')
})
afterEach(() => rm(directory, { recursive: true }))

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

describe('the digest of a file that grows', () => {
  it('is that of all its bytes, however they came', async () => {
    const bytes = randomBytes(3 * 1024 * 1024 + 77)
    await writeFile(path, bytes.subarray(0, 2_000_000))
    const digest = new FileDigest(path)
    digest.grow(5)
    digest.grow(2_000_000)
    await writeFile(path, bytes)
    digest.grow(2_500_000)
    expect(await digest.finish(bytes.length)).toBe(md5(bytes))
  })

  it('is that of the bytes that count, and of none', async () => {
    await writeFile(path, 'abcdef')
    expect(await new FileDigest(path).finish(3)).toBe(md5(Buffer.from('abc')))
    expect(await new FileDigest(path).finish(0)).toBe(md5(Buffer.from('')))
  })

  it('is an error where the file is shorter or not there, and when it was ended', async () => {
    await writeFile(path, 'abc')
    await expect(new FileDigest(path).finish(4)).rejects.toThrow('shorter than 4 bytes')
    await expect(new FileDigest(join(directory, 'none')).finish(4)).rejects.toThrow('ENOENT')
    const ended = new FileDigest(path)
    ended.end()
    await expect(ended.finish(3)).rejects.toThrow('ended')
  })
})
