import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** The rows of docs/rest-map.md that say which path of the mount is which path of REST, on the generated sample. */

interface MapRow {
  readonly uri: string
  readonly path: string
  readonly isPasted: boolean
}

const lines = readFileSync(new URL('../../docs/rest-map.md', import.meta.url), 'utf8').split('\n')
const rows: MapRow[] = lines.flatMap((line) => {
  if (!line.includes('`test/integration/rest-map.test.ts`')) return []
  const [, uri, note, path] = /^\| GET `([^`]+)`([^|]*) \| `([^`]+)` \|/.exec(line) ?? []
  if (uri === undefined || path === undefined) throw new Error(`this row names no two paths: ${line}`)
  return [{ uri, path, isPasted: note === '' }]
})

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
    experiment: await idOf(`${project}/experiments`, labels.experiment),
    assessor: await idOf(`${project}/subjects/1/experiments/MR1/assessors`, labels.assessor),
  }
})
afterAll(async () => {
  await local.stop()
  await emulator.close()
})

async function get(path: string): Promise<Buffer> {
  const { status, body } = await rest(emulator, 'GET', path)
  expect([path, status]).toEqual([path, 200])
  return body
}

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
  readonly experiment: string
  readonly assessor: string
}
const labels: Labels = { experiment: 'MR1', assessor: 'ASSESS1' }

function filled(template: string, path: string, { experiment, assessor }: Labels): string {
  const [, resource = '', file = ''] = samples.find(([parent]) => parent.test(path)) ?? []
  const values: Record<string, string> = {
    P: 'TEST',
    S: '1',
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
  }
  return template.replace(/\{(\w+)\}/g, (_, name: string) => values[name]!)
}

/** REST finds experiments without their project by their accession IDs only. */
function uriOf({ uri, path }: MapRow): string {
  return filled(uri, path, uri.startsWith('/experiments/') ? accessionIds : labels)
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
    if (!row.isPasted) return
    for (const prefix of ['data', 'data/archive', 'REST']) {
      const pasted = await fs.stat(`${prefix}${uri}`).then(() => followed(`${prefix}${uri}`))
      if (pasted === 'directory' && !path.endsWith('/')) continue // an item is its directory
      if (pasted === 'directory') expect(await fs.list(`${prefix}${uri}`)).toEqual(await fs.list(path))
      else expect(await readFile(fs, `${prefix}${uri}`)).toEqual(await readFile(fs, path))
    }
  })
})

async function followed(path: string): Promise<'directory' | 'file'> {
  try {
    await fs.list(path)
    return 'directory'
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTDIR') return 'file'
    throw error
  }
}
