import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BlockSums } from '../../../src/cache/block-sums.js'
import { verifyCache } from '../../../src/cache/cache-verify.js'
import {
  blockSizeBytes,
  closeTestCache,
  openTestCache,
  partPath,
  pathOf,
  putBlocks,
  putWhole,
  testFile,
} from '../../support/disk-cache.js'
import type { TestCache } from '../../support/disk-cache.js'

let root: string
let one: TestCache

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  one = openTestCache(root)
})
afterEach(async () => {
  await closeTestCache(one)
  await rm(root, { recursive: true })
})

it('finds nothing wrong with what is right, files without digest and parts included', async () => {
  await putWhole(one, testFile('1/a', 5000))
  await putWhole(one, testFile('1/b', 5000, { digest: undefined }))
  await putBlocks(one, testFile('1/c', 5000), [1, 3])
  expect(await verifyCache(one.disk, root)).toMatchObject({ goodFiles: 2, goodParts: 1, bad: [] })
})

it('removes what does not fit its sums or its digest, and says what that was', async () => {
  const files = ['flipped', 'short', 'other', 'part', 'good'].map((name) => testFile(`1/${name}`, 5000))
  const [flipped, short, other, part, good] = files as [(typeof files)[0], ...typeof files]
  for (const file of [flipped, short!, other!, good!]) await putWhole(one, file)
  await putBlocks(one, part!, [0, 1])
  const flip = async (path: string): Promise<void> => {
    const bytes = await readFile(path)
    bytes[100]! ^= 1
    await writeFile(path, bytes)
  }
  await flip(pathOf(one, flipped))
  await truncate(pathOf(one, short!), 4000)
  await flip(partPath(one, part!))
  // Bytes that fit their sums, but not the digest: only the catalog's digest can tell.
  const bytes = Buffer.from(other!.bytes)
  bytes[3]! ^= 1
  const sums = new BlockSums(other!.key, blockSizeBytes)
  for (let i = 0; i * blockSizeBytes < bytes.length; i++) {
    sums.add(i, bytes.subarray(i * blockSizeBytes, (i + 1) * blockSizeBytes))
  }
  await writeFile(pathOf(one, other!), bytes)
  await writeFile(`${pathOf(one, other!)}.sums`, sums.encode())

  const { bad, goodFiles } = await verifyCache(one.disk, root)
  expect(goodFiles).toBe(1)
  expect(Object.fromEntries(bad.map(({ file, reason }) => [file, reason]))).toEqual({
    '1/flipped': 'block 0 is damaged',
    '1/short': 'it has 4000 bytes, not 5000',
    '1/other': 'it is not what its catalog says',
    '1/part': 'block 0 is damaged',
  })
  await expect(stat(pathOf(one, flipped))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await verifyCache(one.disk, root)).toMatchObject({ goodFiles: 1, goodParts: 0, bad: [] })
})
