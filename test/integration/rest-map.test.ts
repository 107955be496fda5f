import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { bodyOf, put } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { mapRows } from '../support/rest-map.js'
import type { MapRow } from '../support/rest-map.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/**
 * The rows of docs/rest-map.md that say which path of the mount is which path of REST, on the generated sample. What each URI
 * opens when it is pasted, of all rows, is in rest-questions.test.ts.
 */

const rows = mapRows().filter(({ proof }) => proof.includes('`test/integration/rest-map.test.ts`'))

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
let accessionIds: Labels

beforeAll(async () => {
  emulator = await startEmulator()
  await put(
    emulator,
    '/data/search/saved/subjects',
    '<xdat:stored_search ID="subjects" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name></xdat:stored_search>',
  )
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
  const project = '/data/projects/TEST'
  accessionIds = {
    subject: await idOf(`${project}/subjects`, labels.subject),
    experiment: await idOf(`${project}/experiments`, labels.experiment),
    assessor: await idOf(`${project}/subjects/1/experiments/MR1/assessors`, labels.assessor),
  }
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

const get = (path: string): Promise<Buffer> => bodyOf(emulator, path)

async function listed(path: string): Promise<Record<string, string>[]> {
  const { ResultSet } = JSON.parse((await get(`${path}?format=json`)).toString()) as {
    ResultSet: { Result: Record<string, string>[] }
  }
  return ResultSet.Result
}

async function idOf(path: string, label: string): Promise<string> {
  return (await listed(path)).find((row) => row['label'] === label)!['ID']!
}

/** A resource of each kind of parent in the sample, with a file in it. */
const samples: readonly (readonly [RegExp, string, string])[] = [
  [/\{SCAN\}/, 'DICOM', '1.dcm'],
  [/\{R\}/, 'DATA', 'average.txt'],
  [/\{A\}/, 'QCDATA', 'rating.json'],
  [/\{E\}/, 'QC', 'qc.csv'],
  [/\{S\}/, 'forms', 'consent.txt'],
  [/\{P\}/, 'docs', 'README.txt'],
]

interface Labels {
  readonly subject: string
  readonly experiment: string
  readonly assessor: string
}
const labels: Labels = { subject: '1', experiment: 'MR1', assessor: 'ASSESS1' }

function filled(template: string, path: string, { subject, experiment, assessor }: Labels): string {
  const [, resource = '', file = ''] = samples.find(([parent]) => parent.test(path)) ?? []
  const values: Record<string, string> = {
    P: 'TEST',
    S: subject,
    E: experiment,
    SCAN: '1',
    R: 'RECON1',
    A: assessor,
    SIDE: 'out',
    RES: resource,
    FILE: file,
    EL: 'xnat:subjectData',
    ID: 'subjects',
    LOGIN: 'reader',
    KEY: '1',
    TYPE: 'xnat:projectData',
    ITEM: 'TEST',
    GROUP: 'TEST_owner',
    LISTING: '@xnat:mrSessionData',
    TRANSACTION: 'upload',
  }
  return template.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!)
}

/** REST finds experiments without their project by their accession IDs only. */
function uriOf({ uri, path }: MapRow): string {
  return filled(uri, path, uri.startsWith('/experiments/') ? accessionIds : labels)
}

/** Other ways to the same: with labels and with IDs, with and without project and subject (xnat-wire.md §1.3). */
function spellings({ uri, path }: MapRow): { readonly uri: string; readonly isRest: boolean }[] {
  const other = (template: string, names: Labels, isRest = true): { uri: string; isRest: boolean } => ({
    uri: filled(template, path, names),
    isRest,
  })
  const subject = '/projects/{P}/subjects/{S}'
  const below = uri.replace(/^\/experiments\/\{E\}/, '')
  if (below !== uri) {
    const inProject = `/projects/{P}/experiments/{E}${below}`
    return [
      other(`${subject}/experiments/{E}${below}`, labels),
      other(`${subject}/experiments/{E}${below}`, accessionIds),
      // REST has no more of an experiment there than its resources, and no experiments below `/subjects`; the mount has.
      ...[labels, accessionIds].map((names) => other(inProject, names, /^($|\/resources)/.test(below))),
    ]
  }
  if (!uri.startsWith(subject)) return []
  const shorter = uri.replace(subject, '/subjects/{S}')
  return [other(uri, accessionIds), other(shorter, accessionIds, !/\/experiments/.test(shorter))]
}

/** The names that a directory of these rows has. */
function namesOf(result: readonly Record<string, string>[], uri: string): string[] {
  const isByAccession = /^\/(experiments|subjects)$/.test(uri)
  const isByProject = uri.endsWith('/projects')
  const names = result.map((row) => {
    if (uri.endsWith('/files')) return row['URI']!.split('/files/')[1]!.split('/')[0]!
    if (isByAccession || isByProject) return row['ID']!
    return row['label'] ?? row['ID']!
  })
  return [...new Set(names)].toSorted()
}

describe('pasting each documented URI after the mountpoint opens the content that curl gets', () => {
  it('of many rows', () => {
    expect(rows.length).toBeGreaterThan(50)
  })

  it.each(rows)('$uri', async (row) => {
    const uri = uriOf(row)
    const path = filled(row.path, row.path, labels)
    if (path.endsWith('/')) {
      const fixed = new Set(['resources'])
      const shown = (await fs.list(path)).filter((name) => !fixed.has(name))
      expect(shown.toSorted()).toEqual(namesOf(await listed(`/data${uri}`), uri))
    } else {
      const format = /\.(xml|csv)$/.exec(path)?.[1]
      const isFile = row.uri.endsWith('{FILE}')
      const sent = await get(`/data${uri}${format === undefined || isFile ? '' : `?format=${format}`}`)
      const expected = isFile ? sent : Buffer.from(sent.toString().replace(/\n?$/, '\n'))
      expect((await readFile(fs, path)).equals(expected)).toBe(true)
    }
    if (row.note.includes('not to be pasted')) return
    for (const spelling of [uri, ...spellings(row).map((other) => other.uri)])
      for (const prefix of ['data', 'data/archive', 'REST']) {
        const pasted = `${prefix}${spelling}`
        const kind = await followed(pasted)
        if (kind === 'directory' && !path.endsWith('/'))
          // It is a directory too, and the document with a question.
          expect([pasted, await readFile(fs, `${pasted}?`)]).toEqual([pasted, await readFile(fs, path)])
        else if (kind === 'directory')
          expect([pasted, await fs.list(pasted)]).toEqual([pasted, await fs.list(path)])
        else expect([pasted, await readFile(fs, pasted)]).toEqual([pasted, await readFile(fs, path)])
      }
  })

  const respelled = rows.filter(({ uri }) =>
    /^(\/experiments\/\{E\}|\/projects\/\{P\}\/subjects\/\{S\})/.test(uri),
  )
  it.each(respelled)('$uri, which REST answers alike however it is spelled', async (row) => {
    const isList = row.path.endsWith('/')
    const answer = async (uri: string): Promise<readonly [string, unknown]> => [
      uri,
      isList
        ? namesOf(await listed(`/data${uri}`), row.uri)
        : (await get(`/data${uri}?format=xml`)).toString(),
    ]
    const [, expected] = await answer(uriOf(row))
    const others = spellings(row).filter(({ isRest }) => isRest)
    expect(await Promise.all(others.map(({ uri }) => answer(uri)))).toEqual(
      others.map(({ uri }) => [uri, expected]),
    )
  })
})

describe('pasting a URI with a wildcard or a short-cut opens the files that curl gets', () => {
  const session = '/projects/TEST/subjects/1/experiments/MR1'

  it.each([
    '/projects/TEST/files',
    '/projects/TEST/subjects/1/files',
    ...[
      '/files',
      '/scans/1/files',
      '/scans/1,2/files',
      '/scans/ALL/files',
      '/scans/*/files',
      '/scans/T1/files',
      '/scans/T1,T2/resources/DICOM/files',
      '/scans/3,T1/resources/DICOM,SNAPSHOTS/files',
      '/scans/ALL/resources/SNAPSHOTS/files',
      '/reconstructions/RECON1/files',
      '/reconstructions/RECON1/in/files',
      '/reconstructions/average/out/files',
      '/reconstructions/ALL/out/resources/DATA/files',
      '/assessors/ASSESS1/files',
      '/assessors/ALL/out/files',
      '/assessors/*/out/resources/QCDATA/files',
      '/assessors/xnat:qcManualAssessorData/out/resources/QCDATA/files',
    ].map((path) => session + path),
  ])('%s', async (uri) => {
    const sent: string[] = []
    for (const row of await listed(`/data${uri}`)) sent.push((await get(row['URI']!)).toString('latin1'))
    expect(sent.length).toBeGreaterThan(0)
    for (const prefix of ['data', 'data/archive', 'REST'])
      expect((await textsBelow(prefix + uri)).toSorted()).toEqual(sent.toSorted())
    const byId = uri.replace(session, `/experiments/${accessionIds.experiment}`)
    expect((await textsBelow(`data${byId}`)).toSorted()).toEqual(sent.toSorted())
  })
})

async function textsBelow(path: string): Promise<string[]> {
  if ((await followed(path)) === 'file') return [(await readFile(fs, path)).toString('latin1')]
  const texts = (await fs.list(path)).map((name) => textsBelow(`${path}/${name}`))
  return (await Promise.all(texts)).flat()
}

async function followed(path: string): Promise<'directory' | 'file'> {
  try {
    await fs.list(path)
    return 'directory'
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTDIR') return 'file'
    throw error
  }
}
