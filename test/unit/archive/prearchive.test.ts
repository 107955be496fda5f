import { describe, expect, it } from 'vitest'
import type { DirectoryEntry, Entry } from '../../../src/archive/archive.js'
import type { ControlPlace } from '../../../src/archive/control/control-place.js'
import { prearchiveRules } from '../../../src/archive/control/prearchive.js'
import type { Sources } from '../../../src/archive/sources.js'
import type { PrearchivedSession } from '../../../src/xnat/prearchive-client.js'

function session(project: string, timestamp: string, name: string): PrearchivedSession {
  return { project, timestamp, name, modifiedMs: 1000, status: 'READY', details: {} }
}

function directoryOf(kind: ControlPlace['kind'], prearchived: ControlPlace['prearchived']): DirectoryEntry {
  const place: ControlPlace = { level: 'control', kind, of: 'root', item: {}, prearchived: prearchived ?? {} }
  return { kind: 'directory', name: 'x', id: 'x', mtimeMs: 5, place }
}

const sourcesOf = (sessions: PrearchivedSession[], projects: readonly string[] = []): Sources =>
  ({
    prearchived: () => Promise.resolve(sessions),
    projects: () => Promise.resolve(projects.map((id) => ({ id }))),
  }) as unknown as Sources

const list = (directory: DirectoryEntry, sources: Sources): Promise<Entry[]> => {
  const place = directory.place as ControlPlace
  return prearchiveRules[place.kind as 'prearchive'].list!(directory, place, sources)
}
const find = (directory: DirectoryEntry, name: string, sources: Sources): Promise<Entry | undefined> => {
  const place = directory.place as ControlPlace
  return prearchiveRules[place.kind as 'prearchive'].find!(directory, place, name, sources)
}

describe('the prearchive of a site', () => {
  const top = directoryOf('prearchive', undefined)

  it('moves a project out of the way of what is in every path', async () => {
    const sources = sourcesOf([session('projects', '1', 'S')])
    expect((await list(top, sources)).map(({ name }) => name)).toEqual(['projects~projects'])
    expect(await find(top, 'projects', sources)).toMatchObject({ kind: 'symlink', target: '.' })
  })

  it('has projects of which nothing waits by their names', async () => {
    const sources = sourcesOf([session('P', '1', 'S')], ['P', 'EMPTY'])
    expect(await find(top, 'EMPTY', sources)).toMatchObject({ kind: 'directory', mtimeMs: 5 })
    expect(await find(top, 'NONE', sources)).toBeUndefined()
    expect((await list(top, sources)).map(({ name }) => name)).toEqual(['P'])
  })

  it('keeps the sessions of other projects out where a list has them', async () => {
    const sources = sourcesOf([session('P', '1', 'S'), session('Q', '1', 'T'), session('Q', '2', 'U')])
    expect((await list(directoryOf('prearchive-project', { project: 'P' }), sources)).length).toBe(1)
    const time = directoryOf('prearchive-time', { project: 'Q', timestamp: '1' })
    expect((await list(time, sources)).map(({ name }) => name)).toEqual(['T'])
  })

  it('makes each directory once for a list, however many look-ups there are', async () => {
    const count = 5000
    let looks = 0
    const sessions = Array.from({ length: count }, (_, i) => {
      const plain = session('P', String(i), 'S')
      return {
        ...plain,
        get timestamp() {
          looks++
          return plain.timestamp
        },
      }
    })
    const sources = sourcesOf(sessions)
    const project = directoryOf('prearchive-project', { project: 'P' })
    expect((await list(project, sources)).length).toBe(count)
    for (let i = 0; i < count; i++) expect((await find(project, String(i), sources))?.mtimeMs).toBe(1000)
    expect(looks).toBe(count)
  })
})
