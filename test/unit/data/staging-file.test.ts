import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StagingFile } from '../../../src/data/staging-file.js'
import { StagingPlaces } from '../../../src/data/staging-places.js'
import type { StagingBase, StagingState } from '../../../src/data/staging-state.js'
import { patternBytes } from '../../support/byte-source.js'

let directory: string
let places: StagingPlaces
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  places = new StagingPlaces(directory)
})
afterEach(async () => {
  await places.close()
  await rm(directory, { recursive: true })
})

function baseOf(bytes: Buffer, reads: number[] = []): StagingBase {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => {
      reads.push(length)
      return bytes.subarray(offset, offset + length)
    },
  }
}

const limit = 300
const operation = fc.oneof(
  fc.record({
    op: fc.constant('write' as const),
    at: fc.nat(limit),
    length: fc.nat(80),
    fill: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({
    op: fc.constant('append' as const),
    length: fc.integer({ min: 1, max: 40 }),
    fill: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ op: fc.constant('truncate' as const), at: fc.oneof(fc.constant(0), fc.nat(limit)) }),
  fc.record({ op: fc.constant('read' as const), at: fc.nat(limit), length: fc.nat(120) }),
  fc.record({ op: fc.constant('complete' as const) }),
)

const alwaysBuffered = { fromBytes: 10, blockBytes: 16 }

describe('StagingFile', () => {
  it.each([
    ['', undefined],
    [', buffered', alwaysBuffered],
  ])(
    'reads like a file in memory after any writes and truncations, over stored bytes%s',
    async (_, buffering) => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat(250),
          fc.array(operation, { maxLength: 15 }),
          async (baseSize, operations) => {
            const stored = patternBytes(baseSize, 3)
            let model = Buffer.from(stored)
            const staging = await StagingFile.create(places, baseOf(stored), buffering && { buffering })
            try {
              for (const step of operations) {
                if (step.op === 'append') {
                  const bytes = Buffer.alloc(step.length, step.fill)
                  await staging.write(model.length, bytes)
                  model = Buffer.concat([model, bytes])
                } else if (step.op === 'write' && step.length > 0) {
                  const grown = Buffer.alloc(Math.max(model.length, step.at + step.length))
                  model.copy(grown)
                  grown.fill(step.fill, step.at, step.at + step.length)
                  model = grown
                  await staging.write(step.at, Buffer.alloc(step.length, step.fill))
                } else if (step.op === 'write') {
                  await staging.write(step.at, new Uint8Array(0))
                } else if (step.op === 'truncate') {
                  const cut = Buffer.alloc(step.at)
                  model.copy(cut)
                  model = cut
                  await staging.truncate(step.at)
                } else if (step.op === 'complete') {
                  const local = await staging.withBytes(() => readFile(staging.path))
                  expect(local.equals(model)).toBe(true)
                } else {
                  const read = Buffer.from(await staging.read(step.at, step.length))
                  expect(read.equals(model.subarray(step.at, step.at + step.length))).toBe(true)
                }
                expect(staging.sizeBytes).toBe(model.length)
              }
              expect((await staging.withBytes(() => readFile(staging.path))).equals(model)).toBe(true)
            } finally {
              await staging.remove()
            }
          },
        ),
        { numRuns: 150 },
      )
    },
  )

  it('reads nothing of the stored file that is overwritten whole', async () => {
    const reads: number[] = []
    const staging = await StagingFile.create(places, baseOf(patternBytes(1000), reads))
    await staging.truncate(0)
    await staging.write(0, patternBytes(500, 9))
    await staging.withBytes(() => Promise.resolve())
    expect(reads).toEqual([])
    await staging.remove()
  })

  it('counts revisions, so that an upload knows whether it has what is here', async () => {
    const staging = await StagingFile.create(places)
    await staging.write(0, Buffer.from('a'))
    const sent = await staging.withBytes(({ revision }) => Promise.resolve(revision))
    expect(sent).toBe(staging.revision)
    await staging.write(1, Buffer.from('b'))
    expect(sent).not.toBe(staging.revision)
    await staging.remove()
  })

  it('keeps the bytes as they are while they are sent', async () => {
    const staging = await StagingFile.create(places, undefined, { startsInMemory: false })
    await staging.write(0, Buffer.from('old'))
    let finish = (): void => {}
    const sending = staging.withBytes(() => new Promise<void>((resolve) => (finish = resolve)))
    const writing = staging.write(0, Buffer.from('new'))
    expect((await readFile(staging.path)).toString()).toBe('old')
    await new Promise((resolve) => setImmediate(resolve))
    finish()
    await Promise.all([sending, writing])
    expect((await readFile(staging.path)).toString()).toBe('new')
    await staging.remove()
  })

  it('fails when the stored bytes cannot be read, and can be completed later', async () => {
    let isBroken = true
    const stored = patternBytes(100)
    const staging = await StagingFile.create(places, {
      sizeBytes: 100,
      read: (offset, length) => {
        if (isBroken) throw new Error('server gone')
        return stored.subarray(offset, offset + length)
      },
    })
    await staging.write(0, Buffer.from('x'))
    await expect(staging.withBytes(() => Promise.resolve())).rejects.toThrow('server gone')
    isBroken = false
    const local = await staging.withBytes(() => readFile(staging.path))
    expect(local.equals(Buffer.concat([Buffer.from('x'), stored.subarray(1)]))).toBe(true)
    await staging.remove()
  })

  it('can be read at any moment while it goes on in a copy of what was kept', async () => {
    const stored = patternBytes(200_000, 3)
    const staging = await StagingFile.create(places, baseOf(stored))
    await staging.withBytes(() => Promise.resolve())
    for (let round = 0; round < 8; round++) {
      await staging.keep(() => Promise.resolve(), { isDurable: false })
      const change = { isDone: false }
      const written = Promise.resolve(staging.write(0, stored.subarray(0, 1))).then(() => {
        change.isDone = true
      })
      const reads: Promise<Uint8Array>[] = []
      while (!change.isDone) {
        reads.push(staging.read(100_000, 10))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await written
      const expected = stored.subarray(100_000, 100_010)
      for (const bytes of await Promise.all(reads)) expect(Buffer.from(bytes).equals(expected)).toBe(true)
    }
    await staging.remove()
  })

  it('never changes a version that is kept, whatever is done afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(250),
        fc.array(fc.oneof(operation, fc.record({ op: fc.constant('keep' as const) })), { maxLength: 15 }),
        async (baseSize, operations) => {
          const stored = patternBytes(baseSize, 3)
          const staging = await StagingFile.create(places, baseOf(stored))
          const kept: { path: string; state: StagingState; bytes: Uint8Array }[] = []
          try {
            for (const step of operations) {
              if (step.op === 'write') await staging.write(step.at, Buffer.alloc(step.length, step.fill))
              else if (step.op === 'truncate') await staging.truncate(step.at)
              else if (step.op === 'complete') await staging.withBytes(() => Promise.resolve())
              else if (step.op === 'keep') {
                const bytes = await staging.read(0, limit * 2)
                await staging.keep(
                  ({ path, sizeBytes, written, baseEnd }) => {
                    const state = { sizeBytes, baseEnd, written: written.map((span) => ({ ...span })) }
                    kept.push({ path, state, bytes })
                    return Promise.resolve()
                  },
                  { isDurable: false },
                )
              }
            }
            for (const { path, state, bytes } of kept) {
              const again = await StagingFile.open(places, path, state, baseOf(stored))
              expect(Buffer.from(await again.read(0, limit * 2)).equals(bytes)).toBe(true)
              await again.withBytes(() => Promise.resolve())
              expect(Buffer.from(await readFile(path)).equals(bytes)).toBe(true)
              await again.close()
            }
          } finally {
            await staging.remove()
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  // Node would write those bytes wherever its descriptor stands.
  it.each([Number.MAX_SAFE_INTEGER, 2 ** 62])(
    'refuses what no disk takes, at %d, and stays as it is',
    async (at) => {
      const staging = await StagingFile.create(places, baseOf(Buffer.from('stored')))
      await staging.write(0, Buffer.from('abc'))
      await expect(staging.write(at, Buffer.from('x'))).rejects.toMatchObject({ code: 'EFBIG' })
      await expect(staging.truncate(at + 1)).rejects.toMatchObject({ code: 'EFBIG' })
      expect(Buffer.from(await staging.read(0, 10)).toString()).toBe('abcred')
      await staging.remove()
    },
  )
})

describe('a StagingFile that is followed', () => {
  interface Told {
    sizes: number[]
    reasons: string[]
  }
  async function followed(bytes = 'begun'): Promise<{ staging: StagingFile; told: Told }> {
    const staging = await StagingFile.create(places, undefined, {
      buffering: alwaysBuffered,
      startsInMemory: false,
    })
    await staging.write(0, Buffer.from(bytes))
    const told: Told = { sizes: [], reasons: [] }
    staging.follow({
      grow: (sizeBytes) => {
        told.sizes.push(sizeBytes)
        return false
      },
      abandon: (reason) => told.reasons.push(reason),
    })
    return { staging, told }
  }

  it('tells how much is on the disk', async () => {
    const { staging, told } = await followed()
    await staging.write(5, Buffer.from('and go on'))
    await staging.write(14, Buffer.from('in a buffer'))
    expect(staging.sizeBytes).toBe(25)
    await staging.withBytes(() => Promise.resolve())
    expect([told.sizes[0], told.sizes[1], told.sizes.at(-1)]).toEqual([5, 14, 25])
    expect(told.reasons).toEqual([])
    expect(staging.sequentialBytes).toBe(25)
    await staging.remove()
  })

  it.each<[string, (staging: StagingFile) => unknown]>([
    ['bytes change', (staging) => staging.write(2, Buffer.from('x'))],
    ['bytes are left out', (staging) => staging.write(9, Buffer.from('x'))],
    ['it is cut off', (staging) => staging.truncate(2)],
    ['it is emptied', (staging) => staging.truncate(0)],
    ['it is removed', (staging) => staging.remove()],
    [
      'it goes on in a copy',
      async (staging) => {
        await staging.keep(() => Promise.resolve(), { isDurable: false })
        await staging.write(5, Buffer.from('x'))
      },
    ],
  ])('gives up its follower when %s', async (_, change) => {
    const { staging, told } = await followed()
    await change(staging)
    expect(told).toEqual({ sizes: [5], reasons: ['the file was changed before its end'] })
    await staging.remove().catch(() => {}) // one of them is
  })

  it('counts again from the beginning when it is emptied', async () => {
    const { staging } = await followed()
    await staging.write(2, Buffer.from('x'))
    expect(staging.sequentialBytes).toBeNaN()
    await staging.truncate(0)
    await staging.write(0, Buffer.from('anew'))
    expect(staging.sequentialBytes).toBe(4)
    await staging.remove()
  })
})
