import { mkdtemp, mkdir, readFile, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { escapeName, unescapeName } from '../../src/archive/names.js'
import { md5 } from '../support/byte-source.js'
import { recordedAnswers } from '../support/data-sets.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

/** Names as real servers have them, and worse ones, there and back through a mount. */

/** Labels, IDs and types out of answers of real servers, where there are some on this machine. */
const recorded = existsSync(recordedAnswers) ? readdirSync(recordedAnswers).flatMap(namesIn) : []

function namesIn(file: string): string[] {
  if (!file.endsWith('.json')) return []
  const names: string[] = []
  JSON.parse(readFileSync(join(recordedAnswers, file), 'utf8'), (key, value: unknown) => {
    const isName = /^(label|ID|type|series_description|cat_desc|Name|\d+)$/.test(key)
    if (isName && typeof value === 'string' && value !== '') names.push(value)
    return value
  })
  return names
}

const asRecorded = [
  'CBF:Feb 16 2023 13-17-43 CST',
  'WATER: HighRes_LAVA_3Nex_0.8x0.8x1mm',
  'anat-t1w_acq-memprage RMS',
  'ZTE -Pseudo-CT',
  '06_121720',
  '000',
]
const nasty = [
  'blank at the end ',
  ' blank at the start',
  'a:b',
  'back\\slash',
  'a&amp;b',
  'a%2Fb',
  'a%b',
  'a#b',
  'a?b=c',
  '~',
  'a+b',
  'a b+c',
  '😀',
  'con',
  'a,b',
  ';x=1',
  '[x]',
  '$(id)`id`',
  '"\'|^{}',
  '-rf',
]
/** Names of letters tell nothing. */
const names = [
  ...new Set([...asRecorded, ...recorded.filter((name) => !/^[A-Za-z]\w*$/.test(name)), ...nasty]),
]
/** Those that the server's disk can have. */
const labels = names.filter((name) => !name.includes('/') && Buffer.byteLength(name) <= 200)
/** Those that a folder of the server's disk cannot have, or no file name. They are in the listing, as types. */
const unstorable = ['.', '..', 'a/b', 'a\nb', '/', `${'long '.repeat(60)}end`]

let folder: string
let server: Server
let mount: Mount
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-names-'))
  await writeFile(join(folder, 'f'), 'bytes')
  const files = [{ name: 'f.txt', local: 'f', size: 5, md5: md5(Buffer.from('bytes')) }]
  const scan = (ID: string, type: string, resources: object[]): object => ({
    ID,
    xsiType: 'xnat:mrScanData',
    type,
    resources,
  })
  const twice = [
    { label: 'SAME', files },
    { label: 'SAME', files },
  ]
  const scans = [
    scan('1', 'labels', [
      ...labels.map((label) => ({ label, files })),
      { files },
      { label: 'foo.zip', files },
    ]),
    ...unstorable.map((type, i) => scan(`${i + 2}`, type, [{ label: 'R', files }])),
    scan('99', 'twice', twice),
  ]
  const session = { label: 'E', xsiType: 'xnat:mrSessionData', resources: [], scans }
  const subjects = [
    { label: 'S', resources: [{ label: 'R', files: [] }], experiments: [session] },
    ...labels.map((label) => ({ label, resources: [{ label: 'R', files }], experiments: [] })),
  ]
  const manifest = join(folder, 'manifest.json')
  await writeFile(manifest, JSON.stringify({ projects: [{ ID: 'N', resources: [], subjects }] }))
  server = await Server.start(['--data', manifest])
  mount = await Mount.start(server, { flags: ['--allow-raw-writes'] })
})
afterAll(async () => {
  await mount?.stop([/EINVAL create a file/, /EINVAL make directory|EINVAL .*foo\.zip/])
  await server?.stop()
  await rm(folder, { recursive: true })
})
const at = (...names: string[]): string => join(mount.path, 'N', ...names)

/** The stored files as `curl` gets them, by the digests that the listing has. */
async function onServer(files: string): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>()
  for (const { URI, digest } of await rowsOf(files)) {
    const path = URI!.replace(/^.*?\/files\//, '')
    const url = `${files}/${path.split('/').map(encodeURIComponent).join('/')}`
    contents.set(digest!, (await server.rest('GET', url)).body.toString())
  }
  return contents
}

it('subjects of all names are listed and read, and written to', async () => {
  const listed = await readdir(at())
  expect(listed.toSorted()).toEqual(['S', ...labels.map(escapeName)].toSorted())
  const ids = await subjectIds()
  const checked = labels.map(async (label) => {
    expect(unescapeName(escapeName(label))).toBe(label)
    const directory = at(escapeName(label), 'resources', 'R')
    expect(await readFile(join(directory, 'f.txt'), 'utf8')).toBe('bytes')
    await writeFile(join(directory, 'new.txt'), `in ${label}`)
    const url = `/data/subjects/${ids.get(label)}/resources/R/files/new.txt`
    expect((await server.rest('GET', url)).body.toString()).toBe(`in ${label}`)
  })
  await Promise.all(checked)
})

async function rowsOf(path: string): Promise<Record<string, string>[]> {
  const { body } = await server.rest('GET', `${path}?format=json`)
  return (JSON.parse(body.toString()) as { ResultSet: { Result: Record<string, string>[] } }).ResultSet.Result
}

async function subjectIds(): Promise<ReadonlyMap<string, string>> {
  return new Map((await rowsOf('/data/projects/N/subjects')).map(({ label, ID }) => [label!, ID!]))
}

describe('resources', () => {
  it('of all names are listed and read, those of one label and those of none as well', async () => {
    const scan = at('S', 'E', 'scans', '1')
    const listed = await readdir(scan)
    expect(listed).toHaveLength(labels.length + 2)
    expect(listed).toEqual(expect.arrayContaining([...labels.map(escapeName), 'foo.zip']))
    const checked = listed.map(async (name) => {
      await writeFile(join(scan, name, 'new.txt'), name)
      expect(await readFile(join(scan, name, 'new.txt'), 'utf8')).toBe(name)
      expect(await readFile(join(scan, name, 'f.txt'), 'utf8')).toBe('bytes')
    })
    await Promise.all(checked)
    const twice = await readdir(at('S', 'E', 'scans', '99'))
    expect(twice).toEqual(['SAME', expect.stringMatching(/^SAME~\d+$/)])
    for (const name of twice)
      expect(await readFile(at('S', 'E', 'scans', '99', name, 'f.txt'), 'utf8')).toBe('bytes')
  })
})

it.each(unstorable)('scans of the type %j are selected by it', async (type) => {
  const name = escapeName(type)
  if (Buffer.byteLength(name) > 255) {
    await expect(stat(at('S', 'E', 'scans', name))).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    return
  }
  const selected = await readdir(at('S', 'E', 'scans', name))
  expect(selected).toHaveLength(1)
  expect(await readFile(at('S', 'E', 'scans', name, selected[0]!, 'R', 'f.txt'), 'utf8')).toBe('bytes')
})

describe('files', () => {
  const directory = (): string => at('S', 'resources', 'R')
  /** XNAT would keep these under another name, or not at all. */
  const refused = (name: string): boolean => name.includes('\\') || unescapeName(name) !== name

  it('written under such names are listed and read, by curl too, and removed', async () => {
    // What ends in ~ is a backup, which waits.
    const kept = [
      ...labels.filter((name) => !refused(name) && !name.endsWith('~')),
      'x'.repeat(200),
      'foo.zip',
    ]
    await Promise.all(kept.map((name) => writeFile(join(directory(), name), `file ${name}`)))
    await mount.refresh()
    expect((await readdir(directory())).toSorted()).toEqual(kept.toSorted())
    const files = `/data/subjects/${(await subjectIds()).get('S')}/resources/R/files`
    const stored = await onServer(files)
    for (const name of kept) {
      expect(await readFile(join(directory(), name), 'utf8')).toBe(`file ${name}`)
      expect([name, stored.get(md5(Buffer.from(`file ${name}`)))]).toEqual([name, `file ${name}`])
    }
    await Promise.all(kept.map((name) => unlink(join(directory(), name))))
    await mount.refresh()
    expect(await readdir(directory())).toEqual([])
  })

  it('of names that XNAT could not keep are refused, and leave nothing behind', async () => {
    const written = async (name: string): Promise<unknown> =>
      writeFile(join(directory(), name), 'x').then(
        () => 'written',
        (error: NodeJS.ErrnoException) => error.code,
      )
    for (const name of labels.filter(refused)) expect([name, await written(name)]).toEqual([name, 'EINVAL'])
    expect(await written('a\nb')).toBe('EINVAL')
    expect(await written('x_catalog.xml')).toBe('EINVAL')
    expect(await written('x'.repeat(256))).toBe('ENAMETOOLONG')
    await expect(mkdir(join(directory(), 'foo.zip'))).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await readdir(directory())).toEqual([])
  })
})
