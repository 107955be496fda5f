import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DirectoryEntry, Entry, FileEntry } from '../../src/archive/archive.js'
import { XnatArchive } from '../../src/archive/xnat-archive.js'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { Log } from '../../src/util/log.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

let emulator: RunningEmulator
let http: Http
let archive: XnatArchive
let folder: string
let now = 0
beforeEach(async () => {
  now = Date.now()
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
  emulator = await startEmulator()
  http = new Http({ baseUrl: emulator.url, userAgent: 'xnatfs/test' })
  archive = new XnatArchive({
    session: new Session(http, { user: emulator.user, password: emulator.password }),
    log: new Log({ write: () => {} }),
    listingTtlMs: 60_000,
    allowRawWrites: false,
    allowRelabel: false,
    now: () => now,
  })
})
afterEach(async () => {
  await http.close()
  await emulator.close()
  await rm(folder, { recursive: true })
})

async function at(path: string): Promise<Entry> {
  let entry: Entry = archive.root
  for (const name of path.split('/').filter(Boolean)) {
    const found: Entry | undefined = await archive.lookup(entry as DirectoryEntry, name)
    if (!found) throw new Error(`${path}: no ${name}`)
    entry = found
  }
  return entry
}
const directory = async (path: string): Promise<DirectoryEntry> => (await at(path)) as DirectoryEntry
const file = async (path: string): Promise<FileEntry> => (await at(path)) as FileEntry
const names = async (path: string): Promise<string[]> =>
  (await archive.list(await directory(path))).entries.map((entry) => entry.name)
const source = (text: string): { path: string; sizeBytes: number } => {
  const path = join(folder, 'source')
  writeFileSync(path, text)
  return { path, sizeBytes: Buffer.byteLength(text) }
}
const gets = (): string[] =>
  emulator.control
    .requests()
    .filter(({ method }) => method === 'GET')
    .map(({ path }) => path)
const uploads = (): number => emulator.control.requests().filter(({ method }) => method === 'PUT').length
const qc = 'TEST/1/MR1/resources/QC'

describe('listings', () => {
  it('ask the server once for each, however many want them, and no more while they are believed', async () => {
    await Promise.all(Array.from({ length: 10 }, () => names('TEST/1/MR1/scans/1/DICOM')))
    const asked = gets()
    expect(new Set(asked).size).toBe(asked.length)
    await names('TEST/1/MR1/scans/2/DICOM')
    expect(gets()).toHaveLength(asked.length + 1) // the catalog of the other resource
    await names('TEST/1/MR1/scans/1/DICOM')
    expect(gets()).toHaveLength(asked.length + 1)
    now += 60_001
    await names('TEST/1/MR1/scans/1/DICOM')
    expect(gets()).toHaveLength(2 * asked.length + 1)
  })

  it('never ask for a single file', async () => {
    for (const scan of ['1', '2', '3', '4']) await names(`TEST/1/MR1/scans/${scan}/DICOM`)
    expect(
      emulator.control.requests().filter(({ method, path }) => method === 'HEAD' || path.includes('/files')),
    ).toEqual([])
  })

  it('show assessors and reconstructions with their sides', async () => {
    expect(await names('TEST/1/MR1')).toEqual(
      expect.arrayContaining(['scans', 'assessors', 'reconstructions', 'resources']),
    )
    expect(await names('TEST/1/MR1/assessors/ASSESS1/out')).toHaveLength(1)
    expect((await names('TEST/1/MR1/reconstructions/RECON1')).toSorted()).toEqual(['in', 'out'])
    expect(await archive.lookup(await directory('TEST/1/MR1/assessors/ASSESS1'), 'in')).toMatchObject({
      kind: 'directory',
    })
  })

  it('do not ask an experiment that is no session for its scans', async () => {
    const [other] = (await names('ODD/subject with blanks')).filter((name) => name.startsWith('VARIABLES'))
    expect(await names(`ODD/subject with blanks/${other}`)).toEqual(['resources'])
    expect(gets().filter((path) => path.includes('/scans'))).toEqual([])
  })

  it('tell what is absent from what failed', async () => {
    emulator.control.setFaults([{ path: '**/subjects?**', fault: { kind: 'status', status: 500 } }])
    await expect(at('TEST/1')).rejects.toMatchObject({ code: 'EIO' })
    emulator.control.setFaults([])
    expect(await archive.lookup(await directory('TEST'), 'nobody')).toBeUndefined()
  })
})

describe('a file in a folder that is called like an archive file', () => {
  it('is listed, and ENOTSUP with the reason, for it is not gone', async () => {
    const account = `${emulator.user}:${emulator.password}`
    const url = `${emulator.url}/data/projects/TEST/resources/ZIPS/files/results.zip/inner?inbody=true`
    const headers = { authorization: `Basic ${btoa(account)}`, 'content-type': 'text/plain' }
    expect((await fetch(url, { method: 'PUT', headers, body: 'inner' })).status).toBe(200)
    const inner = await file('TEST/resources/ZIPS/results.zip/inner')
    expect(inner.sizeBytes).toBe(5)
    await expect(archive.fetch(inner, undefined, 'foreground')).rejects.toMatchObject({
      code: 'ENOTSUP',
      message: expect.stringMatching(/takes a folder above it for an archive file/),
    })
  })
})

describe('changes', () => {
  it('are verified, and visible at once', async () => {
    const stored = await archive.store(await directory(qc), 'new.txt', source('hello'), undefined)
    expect(stored).toMatchObject({
      name: 'new.txt',
      sizeBytes: 5,
      digest: '5d41402abc4b2a76b9719d911017c592',
    })
    expect(await names(qc)).toContain('new.txt')
    await archive.remove(stored)
    expect(await names(qc)).not.toContain('new.txt')
  })

  it('do not overwrite what somebody else has made meanwhile', async () => {
    await archive.store(await directory(qc), 'theirs.txt', source('theirs'), undefined)
    const store = archive.store(await directory(qc), 'theirs.txt', source('ours'), undefined)
    await expect(store).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await file(`${qc}/theirs.txt`)).toMatchObject({ sizeBytes: 6 })
  })

  it('do not overwrite what somebody else has changed since it was read', async () => {
    const first = await archive.store(await directory(qc), 'a.txt', source('one'), undefined)
    await archive.store(await directory(qc), 'a.txt', source('two!'), first)
    const store = archive.store(await directory(qc), 'a.txt', source('three'), first)
    await expect(store).rejects.toMatchObject({ code: 'ESTALE' })
    expect(await file(`${qc}/a.txt`)).toMatchObject({ sizeBytes: 4 })
  })

  it.each([
    ['the connection breaks while it is sent', { kind: 'cut-upload', afterBytes: 100 }],
    ['the answer is lost', { kind: 'drop', afterBytes: 0 }],
    ['the server fails once', { kind: 'status', status: 500 }],
    ['the server is busy', { kind: 'status', status: 503 }],
  ] as const)('succeed although %s', async (_, fault) => {
    emulator.control.setFaults([{ method: 'PUT', path: '**/files/**', times: 1, fault }])
    await archive.store(await directory(qc), 'x.txt', source('x'.repeat(5000)), undefined)
    expect(await file(`${qc}/x.txt`)).toMatchObject({ sizeBytes: 5000 })
  })

  it('leave the old file whole when a replacement breaks off for good', async () => {
    const before = await archive.store(await directory(qc), 'keep.txt', source('old bytes'), undefined)
    emulator.control.setFaults([
      { method: 'PUT', path: '**/files/**', fault: { kind: 'cut-upload', afterBytes: 100 } },
    ])
    const store = archive.store(await directory(qc), 'keep.txt', source('n'.repeat(9000)), before)
    await expect(store).rejects.toMatchObject({ code: 'EIO' })
    emulator.control.setFaults([])
    archive.refresh()
    expect(await file(`${qc}/keep.txt`)).toMatchObject({ version: before.version })
  })

  it('of one resource take turns, because XNAT fails the second of two', async () => {
    const target = await directory(qc)
    const files = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const path = join(folder, `s${i}`)
        writeFileSync(path, `file ${i}`)
        return archive.store(target, `f${i}.txt`, { path, sizeBytes: 6 }, undefined)
      }),
    )
    expect(files.map((stored) => stored.name)).toEqual(Array.from({ length: 8 }, (_, i) => `f${i}.txt`))
    expect(uploads()).toBe(8)
  })

  it('by a user who may only read fail, though the server says 200', async () => {
    const reader = new XnatArchive({
      session: new Session(http, { user: emulator.readOnlyUser, password: emulator.readOnlyPassword }),
      log: new Log({ write: () => {} }),
      listingTtlMs: 60_000,
      allowRawWrites: false,
      allowRelabel: false,
    })
    const store = reader.store(await directory(qc), 'no.txt', source('no'), undefined)
    await expect(store).rejects.toMatchObject({ code: 'EACCES' })
    await expect(reader.makeDirectory(await directory('TEST/1/MR1/resources'), 'NO')).rejects.toMatchObject({
      code: 'EACCES',
    })
  })

  it('that would hit more than one file are refused before anything is sent', async () => {
    for (const name of ['scan1', 'scan10', 'scan1.txt'])
      await archive.store(await directory(qc), name, source(name), undefined)
    await expect(archive.remove(await file(`${qc}/scan1`))).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringMatching(/2 more with it, such as 'scan1/),
    })
    expect(emulator.control.requests().filter(({ method }) => method === 'DELETE')).toEqual([])
    await archive.remove(await file(`${qc}/scan10`))
    expect(await names(qc)).toEqual(expect.arrayContaining(['scan1', 'scan1.txt']))
  })

  it('remove a resource only when a fresh listing shows it empty', async () => {
    const parent = await directory('TEST/1/MR1/resources')
    const made = await archive.makeDirectory(parent, 'FRESH')
    await archive.list(made)
    await http.send({
      method: 'PUT',
      path: '/data/projects/TEST/subjects/1/experiments/MR1/resources/FRESH/files/by-another.txt',
      headers: {
        authorization: `Basic ${Buffer.from(`${emulator.user}:${emulator.password}`).toString('base64')}`,
        'content-type': 'application/octet-stream',
      },
      body: () => 'x',
    })
    await expect(archive.remove(made)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
  })
})
