import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { zipFileSizes } from '../../../src/xnat/zip-directory.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-zip-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function sizesOf(bytes: Buffer): Promise<number[] | undefined> {
  const path = join(folder, 'zip')
  await writeFile(path, bytes)
  const file = await open(path, 'r')
  try {
    return await zipFileSizes(file, bytes.length)
  } finally {
    await file.close()
  }
}

const max32 = 0xffffffff

/** An entry of the directory; sizes beyond 32 bits stand in a field of ZIP64. */
function entry(sizeBytes: number): Buffer {
  const isLong = sizeBytes >= max32
  const bytes = Buffer.alloc(46 + 1 + (isLong ? 12 : 0))
  bytes.writeUInt32LE(0x02014b50, 0)
  bytes.writeUInt32LE(isLong ? max32 : sizeBytes, 24)
  bytes.writeUInt16LE(1, 28)
  bytes.writeUInt16LE(isLong ? 12 : 0, 30)
  bytes.write('x', 46)
  if (!isLong) return bytes
  bytes.writeUInt16LE(1, 47)
  bytes.writeUInt16LE(8, 49)
  bytes.writeBigUInt64LE(BigInt(sizeBytes), 51)
  return bytes
}

/** What stands at the end of a zip of such files. */
function ending(sizes: readonly number[]): Buffer {
  const directory = Buffer.concat(sizes.map(entry))
  const isLong = sizes.length >= 0xffff
  const record = Buffer.alloc(isLong ? 76 : 0)
  if (isLong) {
    record.writeUInt32LE(0x06064b50, 0)
    record.writeBigUInt64LE(BigInt(sizes.length), 32)
    record.writeBigUInt64LE(BigInt(directory.length), 40)
    record.writeUInt32LE(0x07064b50, 56)
    record.writeBigUInt64LE(BigInt(directory.length), 64)
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(isLong ? 0xffff : sizes.length, 10)
  end.writeUInt32LE(isLong ? max32 : directory.length, 12)
  return Buffer.concat([directory, record, end])
}

describe('the sizes of the files in a zip', () => {
  it.each([[[]], [[1, 2, 3]], [[5 * 1024 ** 3, 7]]])('%j', async (sizes) => {
    expect(await sizesOf(ending(sizes))).toEqual(sizes)
  })

  it('of more than 65,535', async () => {
    const sizes = Array.from({ length: 70_000 }, (_, i) => i)
    expect(await sizesOf(ending(sizes))).toEqual(sizes)
  })

  it('are not told by one that was cut off', async () => {
    const whole = ending([1, 2, 3])
    for (let length = 0; length < whole.length; length++)
      expect(await sizesOf(whole.subarray(0, length))).toBeUndefined()
    expect(await sizesOf(whole.subarray(1))).toBeUndefined()
  })
})
