import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Archive, DirectoryEntry, FileEntry, StoreSource } from '../../../src/archive/archive.js'
import { readEntries } from '../../../src/data/journal-record.js'
import { StagingFile } from '../../../src/data/staging-file.js'
import { StagingPlaces } from '../../../src/data/staging-places.js'
import { md5OfFile, md5OfSource } from '../../../src/util/md5.js'
import { LocalFile } from '../../../src/vfs/local-file.js'
import { Node } from '../../../src/vfs/node.js'

const resource: DirectoryEntry = {
  kind: 'directory',
  name: 'R',
  id: 'r',
  mtimeMs: 0,
  place: { level: 'resource' },
}

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

/** The digest of what the journal has in place of a file, by its name. */
async function journalled(name: string): Promise<string | undefined> {
  const fail = (error: Error): never => {
    throw error
  }
  const entry = (await readEntries(directory, fail)).find(({ record }) => record.name === name)
  return entry && md5OfFile(entry.stagingPath, entry.record.sizeBytes)
}

function fileEntry(name: string, sizeBytes: number, digest: string): FileEntry {
  const names = { name, id: name, key: name }
  const place = { level: 'file' }
  return {
    kind: 'file',
    ...names,
    sizeBytes,
    digest,
    mtimeMs: 0,
    version: digest,
    listing: {},
    isSeriesMember: false,
    place,
  }
}

/** A server that looks into the journal when a file comes. */
class Witness {
  readonly sent: { readonly came: string; readonly journalled: string | undefined }[] = []
  readonly archive: Pick<Archive, 'store' | 'lookup' | 'refresh' | 'isReachable'> = {
    isReachable: true,
    lookup: () => Promise.resolve(undefined),
    refresh: () => {},
    store: async (_directory, name, source: StoreSource): Promise<FileEntry> => {
      const came = await md5OfSource(source)
      this.sent.push({ came, journalled: await journalled(name) })
      return fileEntry(name, source.sizeBytes, came)
    },
  }
}

async function localFile(name: string, archive: Witness['archive']): Promise<LocalFile> {
  const node = new Node(2, 'file', new Node(1, 'directory', undefined, '', resource), name, undefined)
  const staging = await StagingFile.create(places)
  node.local = new LocalFile({
    archive,
    node,
    staging,
    replaces: undefined,
    mtimeMs: 0,
    releaseBase: () => {},
    removesOriginFirst: false,
    removeStored: () => Promise.resolve(),
    onStored: () => Promise.resolve(),
  })
  return node.local
}

describe('what is sent', () => {
  // A process that finds the entry after a kill can only so tell whether the server has it.
  it.each(Array.from({ length: 40 }, (_, turns) => turns))(
    'is what the journal has, also when it is written to %d turns later',
    async (turns) => {
      const witness = new Witness()
      const local = await localFile(`${turns}.txt`, witness.archive)
      await local.staging.write(0, Buffer.from('first'))
      await local.keep({ isDurable: true })
      const sending = local.upload()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await Promise.all([sending, local.staging.write(2, Buffer.from('other and longer'))])
      await local.upload()
      expect(witness.sent.length).toBeGreaterThan(0)
      for (const { came, journalled } of witness.sent) expect(journalled).toBe(came)
      await local.discard()
    },
  )
})
