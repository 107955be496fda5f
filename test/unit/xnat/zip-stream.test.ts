import { describe, expect, it } from 'vitest'
import { NotReadable, readZip } from '../../../src/xnat/zip-stream.js'
import { patternBytes } from '../../support/byte-source.js'
import { zipOf } from '../../support/zip-bytes.js'
import type { ZipPart } from '../../support/zip-bytes.js'

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield await Promise.resolve(bytes.subarray(i, i + size))
}

const pieceBytes = 300

function lengthsOf(sizeBytes: number): number[] {
  return Array.from({ length: Math.ceil(sizeBytes / pieceBytes) }, (_, i) =>
    Math.min(pieceBytes, sizeBytes - i * pieceBytes),
  )
}

/** The names of the entries whose bytes came as they were packed. */
async function namesRead(
  archive: Buffer,
  parts: readonly ZipPart[],
  size: number,
  isWanted: (name: string) => boolean = () => true,
): Promise<string[]> {
  const found: string[] = []
  const sizeOf = (name: string): number | undefined =>
    isWanted(name) ? parts.find((part) => part.name === name)?.bytes.length : undefined
  for await (const entry of readZip(pieces(archive, size), sizeOf, pieceBytes)) {
    const { name } = entry
    const part = parts.find((one) => one.name === name)!
    expect(Buffer.concat(entry.pieces).equals(part.bytes)).toBe(true)
    expect(entry.pieces.filter(({ length, buffer }) => length !== buffer.byteLength)).toEqual([])
    if (part.method !== 'deflated')
      expect(entry.pieces.map(({ length }) => length)).toEqual(lengthsOf(part.bytes.length))
    found.push(name)
  }
  return found
}

const big = patternBytes(300_000)
const kinds: readonly ZipPart[] = [
  { name: 's/scans/1/resources/DICOM/files/é.dcm', bytes: patternBytes(1000, 1) },
  { name: 'empty', bytes: Buffer.alloc(0) },
  { name: 'deflated', bytes: big, method: 'deflated' },
  { name: 'zip64', bytes: patternBytes(2000, 2), isZip64: true },
  { name: 'zip64 deflated', bytes: big, isZip64: true, method: 'deflated' },
  { name: 'described', bytes: big, method: 'deflated', descriptor: 'signed' },
  { name: 'described bare', bytes: patternBytes(5000, 3), method: 'deflated', descriptor: 'bare' },
  { name: 'described 64', bytes: big, method: 'deflated', descriptor: 'signed-64' },
  { name: 'stored described', bytes: patternBytes(700, 4), descriptor: 'signed' },
  { name: 'stored described 64', bytes: patternBytes(700, 5), descriptor: 'signed-64' },
  { name: 'last', bytes: Buffer.from('three') },
]
const archive = zipOf(kinds)
const canPass = (name: string): boolean => !name.startsWith('stored')

describe('readZip', () => {
  it.each([1, 7, 1000, 65_536, 10_000_000])(
    'reads entries of all kinds in pieces of %d bytes',
    async (size) => {
      expect(await namesRead(archive, kinds, size)).toEqual(kinds.map(({ name }) => name))
    },
  )

  it('passes over what nobody wants', async () => {
    const wanted = (name: string): boolean => name === 'last' || name.startsWith('stored')
    const expected = kinds.map(({ name }) => name).filter(wanted)
    expect(await namesRead(archive, kinds, 1000, wanted)).toEqual(expected)
  })

  it.each(kinds.filter(({ name, bytes }) => canPass(name) && bytes.length > 0).map(({ name }) => name))(
    'passes over %s where it has another size than it should, and finds the next',
    async (name) => {
      const part = kinds.find((kind) => kind.name === name)!
      const after = { name: 'after', bytes: Buffer.from('next') }
      for (const difference of [1, -1]) {
        const body = pieces(zipOf([part, after]), 1000)
        const found: string[] = []
        const sizeOf = (entry: string): number => (entry === name ? part.bytes.length + difference : 4)
        for await (const entry of readZip(body, sizeOf, pieceBytes)) found.push(entry.name)
        expect(found).toEqual(['after'])
      }
    },
  )

  it('fails where the archive breaks off, wherever that is', async () => {
    const parts = kinds.map((part) => ({ ...part, bytes: part.bytes.subarray(0, 50) }))
    const whole = zipOf(parts)
    const end = whole.lastIndexOf('PK\x01\x02', undefined, 'latin1')
    for (let length = 0; length < end + 4; length++) {
      await expect(namesRead(whole.subarray(0, length), parts, 40)).rejects.toThrow('broke off')
    }
  })

  it('goes on after deflated bytes that were damaged', async () => {
    const part: ZipPart = { name: 'deflated', bytes: big, method: 'deflated' }
    const damaged = zipOf([part, { name: 'last', bytes: Buffer.from('x') }])
    damaged.fill(0xff, 60, 80)
    const found: string[] = []
    const sizeOf = (name: string): number => (name === 'last' ? 1 : big.length)
    for await (const { name } of readZip(pieces(damaged, 1000), sizeOf, pieceBytes)) found.push(name)
    expect(found).toEqual(['last'])
  })

  it.each<[string, Buffer]>([
    ['no archive', Buffer.from('<html>no zip</html>')],
    ['stored entries that nobody wants and whose size comes after them', zipOf([kinds[8]!])],
    ['encrypted entries without a size', zipOf([{ ...kinds[5]!, flags: 1 }])],
    ['a descriptor that tells other sizes', corruptDescriptor()],
  ])('cannot read %s', async (_, bytes) => {
    await expect(namesRead(bytes, kinds, 100, (name) => name === 'described')).rejects.toThrow(NotReadable)
  })

  it('passes over encrypted entries', async () => {
    const parts = [{ ...kinds[0]!, flags: 1 }, kinds[10]!]
    expect(await namesRead(zipOf(parts), kinds, 100)).toEqual(['last'])
  })
})

function corruptDescriptor(): Buffer {
  const bytes = zipOf([kinds[5]!])
  const at = bytes.indexOf('PK\x07\x08', 0, 'latin1')
  bytes.writeUInt32LE(7, at + 12)
  return bytes
}
