import { describe, expect, it } from 'vitest'
import type { DirectoryEntry, Entry } from '../../../src/archive/archive.js'
import { Corrections } from '../../../src/archive/corrections.js'
import type { ControlPlace, PrearchivedFilePlace } from '../../../src/archive/control/control-place.js'
import { prearchivedEntries } from '../../../src/archive/control/prearchived-files.js'
import type { Sources } from '../../../src/archive/sources.js'
import type { PrearchivedFile } from '../../../src/xnat/prearchive-client.js'

const resource = { project: 'P', timestamp: '20260101_120000123', name: 'S', scan: '1', resource: 'R' }
const base = '/data/prearchive/projects/P/20260101_120000123/S/scans/1/resources/R/files'

function sourcesOf(paths: readonly string[], corrections = new Corrections()): Sources {
  const files: PrearchivedFile[] = paths.map((storedPath) => ({ storedPath, sizeBytes: 1 }))
  return { prearchivedFiles: () => Promise.resolve(files), corrections } as unknown as Sources
}

async function entriesIn(sources: Sources, ...folders: string[]): Promise<ReadonlyMap<string, Entry>> {
  const place: ControlPlace = {
    level: 'control',
    kind: 'prearchive-folder',
    of: 'root',
    item: {},
    prearchived: { ...resource, folders },
  }
  const directory: DirectoryEntry = { kind: 'directory', name: 'R', id: 'R', mtimeMs: 5, place }
  const entries = await prearchivedEntries(directory, place, sources)
  if (!entries) throw new Error(`no folder ${folders.join('/')}`)
  return entries
}

const urlOf = (entry: Entry | undefined): string | undefined => (entry!.place as PrearchivedFilePlace).url

describe('the files of a prearchived resource', () => {
  it('are asked for with every character escaped that may be misunderstood', async () => {
    const entries = await entriesIn(sourcesOf(["it's a+b&c#1%.x"]))
    expect(urlOf(entries.get("it's a+b&c#1%.x"))).toBe(`${base}/it%27s%20a%2Bb%26c%231%25.x`)
  })

  it('have no URL where it would mean another file, or none', async () => {
    const entries = await entriesIn(sourcesOf(['a#b', 'a%23b', 'a\\b', 'x/../y']))
    expect(urlOf(entries.get('a#b'))).toBeUndefined()
    expect(urlOf(entries.get('a%23b'))).toBe(`${base}/a%2523b`)
    expect(urlOf(entries.get('a\\b'))).toBeUndefined()
    const above = await entriesIn(sourcesOf(['x/../y']), 'x', '..')
    expect(urlOf(above.get('y'))).toBeUndefined()
  })

  it('give way to a folder of their name, and to what is in the path of every file', async () => {
    const entries = await entriesIn(sourcesOf(['same', 'same/x', 'files']))
    expect(entries.get('same')?.kind).toBe('directory')
    expect(entries.has('files')).toBe(false)
    expect([...entries.keys()].map((name) => name.replace(/~.*/, '~')).toSorted()).toEqual([
      'files~',
      'same',
      'same~',
    ])
    expect((await entriesIn(sourcesOf(['a/files']), 'a')).has('files')).toBe(true)
  })

  it('are told apart by all of their path', async () => {
    const files = ['a/x', 'b/x'] as const
    const sources = sourcesOf(files)
    const keys = await Promise.all(
      files.map(async (path) => ((await entriesIn(sources, path[0]!)).get('x') as { key: string }).key),
    )
    expect(new Set(keys).size).toBe(2)
    for (const key of keys) expect(key).toMatch(/^prearchive .*20260101_120000123.*"S","1","R"/)
  })

  it('are in no folder that is not there', async () => {
    await expect(entriesIn(sourcesOf(['a/x']), 'b')).rejects.toThrow('no folder b')
  })

  it('have the size and version that an answer has shown', async () => {
    const corrections = new Corrections()
    const before = (await entriesIn(sourcesOf(['x'], corrections))).get('x') as { key: string }
    const facts = { sizeBytes: 7, answerVersion: '7@now', digest: undefined }
    corrections.note(before.key, { listedVersion: '1@?', facts })
    const after = (await entriesIn(sourcesOf(['x'], corrections))).get('x')
    expect(after).toMatchObject({ sizeBytes: 7, version: '1@?!7@now' })
  })
})
