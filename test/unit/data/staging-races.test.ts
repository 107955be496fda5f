import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StagingFile } from '../../../src/data/staging-file.js'
import { StagingPlaces } from '../../../src/data/staging-places.js'

/** What is read while the file changes is what it was or what it is, and nothing that it never was. */
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

const base = {
  sizeBytes: 40,
  read: (at: number, length: number) => Buffer.alloc(length, 'o').subarray(0, 40 - at),
}

it.each([
  ['after its end', undefined],
  ['over stored bytes', base],
] as const)('what is written %s while a read waits for the disk is not read as zeros', async (_, below) => {
  const staging = await StagingFile.create(places, below, {
    buffering: { fromBytes: 0, blockBytes: 1024 },
    startsInMemory: false,
  })
  await staging.write(0, Buffer.alloc(10, 'a'))
  const reading = staging.read(0, 40)
  await staging.write(10, Buffer.alloc(10, 'b'))
  expect(Buffer.from(await reading).toString()).toMatch(/^a{10}(b{10})?o*$/)
  await staging.remove()
})

it.each([false, true])('what is cut off while it is read is not read as zeros (kept: %s)', async (isKept) => {
  for (let round = 0; round < 20; round++) {
    const staging = await StagingFile.create(places, undefined, { startsInMemory: false })
    await staging.write(0, Buffer.alloc(100, 'a'))
    if (isKept) await staging.keep(() => Promise.resolve(), { isDurable: false })
    const state = { isCut: false }
    const { path } = staging
    const cut = staging.truncate(30).then(() => (state.isCut = true))
    while (!state.isCut)
      expect(Buffer.from(await staging.read(0, 100)).toString()).toMatch(/^(a{100}|a{30})$/)
    await cut
    if (isKept) await rm(path)
    await staging.remove()
  }
})
