import { describe, expect, it } from 'vitest'
import {
  PrearchiveClient,
  prearchivedFilesPath,
  prearchivedPath,
} from '../../../src/xnat/prearchive-client.js'
import type { RestCalls } from '../../../src/xnat/rest-calls.js'
import type { Row } from '../../../src/xnat/rows.js'
import { XnatError } from '../../../src/xnat/xnat-error.js'

/** A server that has these lists, and nothing else. */
function clientOf(lists: Readonly<Record<string, readonly Row[]>>): PrearchiveClient {
  const rows = async (path: string): Promise<readonly Row[]> => {
    const list = lists[path]
    if (!list) throw new XnatError('bad-response', `400 for ${path}`, { status: 400 })
    return list
  }
  return new PrearchiveClient({ rows } as unknown as RestCalls)
}

const session = { project: 'P', timestamp: '20260101_120000123', name: 'S' }
const path = `/data/prearchive/projects/P/${session.timestamp}/S`
const scans = [
  { id: '1', details: {} },
  { id: '2', details: {} },
]

describe('the resources of a prearchived session', () => {
  const all = [
    { scan: '1', label: 'DICOM' },
    { scan: '2', label: 'NOTES' },
  ]

  it('are told by one list of all scans', async () => {
    const client = clientOf({
      [`${path}/resources`]: [
        { category: 'scans', cat_id: '1', label: 'DICOM' },
        { category: 'scans', cat_id: '2', label: 'NOTES' },
      ],
    })
    expect(await client.resources(session, scans)).toEqual(all)
  })

  it('are asked for scan by scan where the server takes that list for the session', async () => {
    const client = clientOf({
      [`${path}/resources`]: [{ project: 'P', timestamp: session.timestamp, folderName: 'S' }],
      [`${path}/scans/1/resources`]: [{ label: 'DICOM', file_count: '2' }],
      [`${path}/scans/2/resources`]: [{ label: 'NOTES' }],
    })
    expect(await client.resources(session, scans)).toEqual(all)
  })

  it('are none where the list is empty', async () => {
    expect(await clientOf({ [`${path}/resources`]: [] }).resources(session, scans)).toEqual([])
  })
})

describe('the sessions of the prearchive', () => {
  it('are of nobody where they have no project; what has no path is left out', async () => {
    const row = { timestamp: session.timestamp, folderName: 'S', lastmod: '2026-01-01 12:05:00.5' }
    const client = clientOf({
      '/data/prearchive': [
        { ...row, project: '' },
        { project: 'P', folderName: 'S' },
      ],
    })
    expect(await client.sessions(undefined)).toMatchObject([{ project: 'Unassigned', name: 'S', status: '' }])
  })
})

describe('the files of a prearchived resource', () => {
  it('are named by what follows the first files/ of their path', async () => {
    const resource = { ...session, scan: '1', resource: 'R' }
    const files = prearchivedFilesPath(resource)
    const client = clientOf({
      [files]: [
        { Name: 'x', Size: '3', URI: `${files}/a/files/x` },
        { Name: 'y', Size: '', URI: `${files}/with blank#?.y` },
        { Name: 'z', Size: '1', URI: '' },
      ],
    })
    expect(await client.files(resource)).toEqual([
      { storedPath: 'a/files/x', sizeBytes: 3 },
      { storedPath: 'with blank#?.y', sizeBytes: undefined },
    ])
  })
})

describe('the path of a prearchived session', () => {
  it('has its names as they are: the server decodes none', () => {
    expect(prearchivedPath({ ...session, name: 'a+b,c=(1)' })).toBe(
      `/data/prearchive/projects/P/${session.timestamp}/a+b,c=(1)`,
    )
  })

  it.each(['a b', 'a/b', 'a%b', 'a#b', 'a?b', 'a&b', "it's", '..', '.', '', 'é'])(
    'is not asked for with the name %j',
    (name) => expect(() => prearchivedPath({ ...session, name })).toThrow(XnatError),
  )
})
