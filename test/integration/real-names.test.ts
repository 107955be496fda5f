import { mkdtemp, rm, writeFile as writeLocal } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { escapeName } from '../../src/archive/names.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Labels, IDs and types as real servers have answered them, and worse ones. */
const real = [
  'CBF:Feb 16 2023 13-17-43 CST',
  'WATER: HighRes_LAVA_3Nex_0.8x0.8x1mm',
  'ZTE -Pseudo-CT',
  '3 Plane Localizer',
  'ManPreScan ASL 1525PLD',
  '06_121720',
  '000',
  '184612',
]
const nasty = [
  'blank at the end ',
  ' blank at the start',
  'back\\slash',
  'a&amp;b',
  'a%2Fb',
  'a%252Fb',
  '100%',
  'a#b',
  'a?b=c',
  '~tilde',
  '😀 emoji',
  'é',
  'con',
  'NULL',
  'ALL',
  '*',
  'a,b',
  'scans',
  'resources',
  'files',
  '.xnat',
  'it"s',
  "it's",
  '-rf',
  'foo.zip',
]
const names = [...real, ...nasty]
/** Some that no URL names: XNAT takes commas for separators, and escapes for XML what it then looks for. */
const unnameable = [
  'a,b',
  'a/b',
  'a<b',
  'a>b',
  'a&b',
  'a&amp;b',
  'a"b',
  "a'b",
  'bell\u0007',
  'del\u007f',
  '..',
]
const scanIds = [...unnameable, 'a b', 'a+b', 'a%2Fb', 'tab\tbed', 'é', '1']

let folder: string
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-names-'))
  await writeLocal(join(folder, 'f'), 'bytes')
  const files = [{ name: 'f.txt', local: 'f', size: 5, md5: '4b3a6218bb3e3a7303e8a171a60fcf92' }]
  const experiments = names.map((label) => ({
    label,
    xsiType: 'xnat:mrSessionData',
    resources: [],
    scans: [],
  }))
  const scans = names
    .filter((type) => !type.includes('/'))
    .map((type, i) => ({
      ID: `${i + 1}`,
      xsiType: 'xnat:mrScanData',
      type,
      resources: [{ label: 'R', files }],
    }))
  const byId = scanIds.map((ID) => ({
    ID,
    xsiType: 'xnat:mrScanData',
    resources: [{ label: 'R', files }],
  }))
  const subjects = [
    { label: 'SUBJECT', resources: [], experiments },
    {
      label: 'TYPES',
      resources: [],
      experiments: [
        { label: 'E', xsiType: 'xnat:mrSessionData', resources: [], scans },
        { label: 'IDS', xsiType: 'xnat:mrSessionData', resources: [], scans: byId },
      ],
    },
    ...names.map((label) => ({ label, resources: [{ label: 'R', files }], experiments: [] })),
  ]
  const manifest = join(folder, 'manifest.json')
  await writeLocal(manifest, JSON.stringify({ projects: [{ ID: 'NAMES', resources: [], subjects }] }))
  emulator = await startEmulator({ data: manifest })
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
  await rm(folder, { recursive: true })
})

/** Of the names listed, the one for this label: as it is, or marked where its directory has that name for itself. */
function shownAs(label: string, listed: readonly string[]): string | undefined {
  const plain = escapeName(label)
  return listed.includes(plain) ? plain : listed.find((name) => name.startsWith(`${plain}~`))
}

describe('labels', () => {
  it.each(names)('%j of a subject is listed, and leads to its files', async (label) => {
    const listed = await fs.list('NAMES')
    const name = shownAs(label, listed)
    expect(name).toBeDefined()
    expect((await readFile(fs, `NAMES/${name}/resources/R/f.txt`)).toString()).toBe('bytes')
  })

  it.each(names)('%j of an experiment is listed, and opens', async (label) => {
    const name = shownAs(label, await fs.list('NAMES/SUBJECT'))
    expect(name).toBeDefined()
    expect(await fs.list(`NAMES/SUBJECT/${name}`)).toEqual([])
  })
})

it.each(names.filter((type) => !['ALL', '*', 'NULL', 'a,b'].includes(type) && !/^\d+$/.test(type)))(
  'scans of the type %j are selected by it',
  async (type) => {
    const [scan, ...others] = await fs.list(`NAMES/TYPES/E/scans/${escapeName(type)}`)
    expect(others).toEqual([])
    expect((await readFile(fs, `NAMES/TYPES/E/scans/${escapeName(type)}/${scan}/R/f.txt`)).toString()).toBe(
      'bytes',
    )
  },
)

describe('scans', () => {
  it.each(scanIds)('with the ID %j are listed, and their files read', async (id) => {
    const name = shownAs(id, await fs.list('NAMES/TYPES/IDS/scans'))
    expect(name).toBeDefined()
    expect(await fs.list(`NAMES/TYPES/IDS/scans/${name}/R`)).toEqual(['f.txt'])
    expect((await readFile(fs, `NAMES/TYPES/IDS/scans/${name}/R/f.txt`)).toString()).toBe('bytes')
  })

  it.each(unnameable)('with the ID %j are not changed', async (id) => {
    const name = shownAs(id, await fs.list('NAMES/TYPES/IDS/scans'))
    await expect(writeFile(fs, `NAMES/TYPES/IDS/scans/${name}/R/n`, 'new')).rejects.toMatchObject({
      code: 'EPERM',
    })
  })

  /** XNAT looks for a scan itself by its ID as the URL spells it. */
  const undocumented = scanIds.filter((id) => !/^[\w+]+$/.test(id))
  it.each(scanIds)('with the ID %j have their document, or ENOTSUP with a line that says why', async (id) => {
    const name = shownAs(id, await fs.list('NAMES/TYPES/IDS/scans'))
    const path = `NAMES/TYPES/IDS/scans/${name}/.xnat`
    const isThere = !undocumented.includes(id)
    expect((await fs.list(path)).includes('scan.xml')).toBe(isThere)
    if (isThere) expect((await readFile(fs, `${path}/scan.xml`)).toString()).toContain(`ID="${id}"`)
    else {
      await expect(readFile(fs, `${path}/scan.xml`)).rejects.toMatchObject({
        code: 'ENOTSUP',
        message: expect.stringContaining('no URL') as string,
      })
    }
  })
})
