import { beforeEach, describe, expect, it } from 'vitest'
import type { DirectoryEntry, Entry, Listing } from '../../../src/archive/archive.js'
import { FsError } from '../../../src/util/fs-error.js'
import { InodeTable } from '../../../src/vfs/inode-table.js'
import { ListAhead } from '../../../src/vfs/list-ahead.js'
import type { Node } from '../../../src/vfs/node.js'

type Tree = { readonly [name: string]: Tree }

interface Question {
  readonly path: string
  readonly answer: () => void
  readonly fail: () => void
}

/** An archive that answers when it is told to, each directory once for all who wait for it. */
class SlowArchive {
  isReachable = true
  readonly root: DirectoryEntry
  readonly asked: string[] = []
  readonly open = new Map<string, Question>()
  onAsked: (open: number) => void = () => {}
  readonly #flights = new Map<string, Promise<Listing>>()
  readonly #known = new Map<string, Listing>()

  readonly #tree: Tree
  readonly #isFree: (path: string) => boolean

  /** @param isFree of directories whose listings cost nothing */
  constructor(tree: Tree, isFree: (path: string) => boolean) {
    this.#tree = tree
    this.#isFree = isFree
    this.root = entryOf('', '')
  }

  list(directory: DirectoryEntry): Listing | Promise<Listing> {
    const path = pathOf(directory)
    const known = this.#known.get(path)
    if (known) return known
    const flight = this.#flights.get(path)
    if (flight) return flight
    const asked = this.#isFree(path) ? Promise.resolve(this.#answer(path)) : this.#ask(path)
    this.#flights.set(path, asked)
    return asked
  }

  answerAll(): void {
    for (const { answer } of this.open.values()) answer()
  }

  #ask(path: string): Promise<Listing> {
    this.asked.push(path)
    return new Promise((resolve, reject) => {
      const end = (): void => void [this.open.delete(path), this.#flights.delete(path)]
      const answer = (): void => void [end(), resolve(this.#answer(path))]
      const fail = (): void => void [end(), reject(new FsError('EIO', path, { nextStep: 'try again' }))]
      this.open.set(path, { path, answer, fail })
      this.onAsked(this.open.size)
    })
  }

  #answer(path: string): Listing {
    const names = path.split('/').filter((name) => name !== '')
    let at = this.#tree
    for (const name of names) at = at[name]!
    const entries = Object.keys(at).map((name): Entry => entryOf(path, name))
    const listing = { entries, get: (name: string) => entries.find((entry) => entry.name === name) }
    this.#known.set(path, listing)
    return listing
  }
}

function entryOf(parent: string, name: string): DirectoryEntry {
  const path = name === '' ? '' : `${parent}/${name}`
  return { kind: 'directory', name, id: name, mtimeMs: 0, place: { level: path } }
}

const pathOf = (entry: DirectoryEntry): string => entry.place.level

// Strings that are no integers: objects keep their order.
const scanNames = ['s1', 's10', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9']
const resources = { DATA: {}, NIFTI: {} }
const session = (names: readonly string[]): Tree => ({
  scans: Object.fromEntries(names.map((name) => [name, resources])),
  resources: { NOTES: {} },
})
const isResource = (path: string): boolean => /DATA|NIFTI|NOTES/.test(path)

describe('listing ahead', () => {
  let archive: SlowArchive
  let table: InodeTable
  let ahead: ListAhead
  let now: number

  const start = (tree: Tree, atOnce = 3): void => {
    now = 0
    archive = new SlowArchive(tree, (path) => !isResource(path))
    table = new InodeTable(archive.root)
    ahead = new ListAhead({ archive, atOnce, now: () => now })
  }
  beforeEach(() => start(session(scanNames)))

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  /** The walker begins to list a directory; it goes on when that has been answered. */
  const begin = (path: string): Promise<Node[]> => {
    let node = table.root
    let entry = archive.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      entry = entryOf(pathOf(entry), name)
      node = table.intern(node, entry)
    }
    return Promise.resolve(ahead.around(node, () => archive.list(entry))).then(({ entries }) =>
      entries.map((one) => table.intern(node, one)),
    )
  }
  const read = async (path: string): Promise<void> => {
    const reading = begin(path)
    await settle()
    archive.open.get(path)?.answer()
    await reading
    await settle()
  }
  const readAll = async (...paths: string[]): Promise<void> => {
    for (const path of paths) await read(path)
  }
  const toFirst = ['', '/scans', '/scans/s1']
  /** All of a tree, each directory before those in it. */
  const walk = async (path: string, order: (names: string[]) => string[]): Promise<void> => {
    const reading = begin(path)
    await settle()
    archive.open.get(path)?.answer()
    const names = (await reading).map(({ name }) => name)
    await settle()
    for (const name of order(names)) await walk(`${path}/${name}`, order)
  }

  it('is there before the walker: the next two at first, more when it follows', async () => {
    await readAll(...toFirst)
    const reading = begin('/scans/s1/DATA')
    await settle()
    expect(archive.asked).toEqual(['/scans/s1/DATA', '/scans/s1/NIFTI', '/scans/s10/DATA'])
    archive.answerAll()
    await reading
    await settle()
    expect(archive.asked).toHaveLength(3)
    await read('/scans/s1/NIFTI')
    expect([...archive.open.keys()]).toEqual(['/scans/s10/NIFTI', '/scans/s2/DATA', '/scans/s2/NIFTI'])
  })

  it('asks for each directory once, as the walker would, never for more at a time than it may', async () => {
    let most = 0
    archive.onAsked = (open) => (most = Math.max(most, open))
    await walk('', (names) => names)
    const all = scanNames.flatMap((name) => [`/scans/${name}/DATA`, `/scans/${name}/NIFTI`])
    expect(archive.asked).toEqual([...all, '/resources/NOTES'])
    expect(most).toBe(3)
  })

  it('stays where it is when the walker goes away', async () => {
    await readAll(...toFirst, '/scans/s1/DATA')
    archive.answerAll()
    await settle()
    expect(archive.asked).toHaveLength(3)
  })

  it('begins with two steps: a directory and one in it are no walk', async () => {
    await readAll('/scans/s1', '/scans/s1/DATA')
    expect(archive.asked).toEqual(['/scans/s1/DATA'])
    await read('/scans/s1/NIFTI')
    expect(archive.asked).toHaveLength(2)
  })

  it('goes no deeper than the walker', async () => {
    await readAll('', '/scans', ...scanNames.map((name) => `/scans/${name}`))
    expect(archive.asked).toEqual(['/resources/NOTES']) // which lies no deeper than a scan
  })

  it('takes steps for a walk only where one follows the other at once', async () => {
    for (const path of [...toFirst, '/scans/s1/DATA', '/scans/s1/NIFTI']) {
      await read(path)
      now += 1001
    }
    expect(archive.asked).toHaveLength(2)
  })

  it('does not take the time that the server needs for a pause', async () => {
    await readAll(...toFirst)
    const reading = begin('/scans/s1/DATA')
    await settle()
    archive.answerAll()
    now += 60_000
    await reading
    await read('/scans/s1/NIFTI')
    expect(archive.asked.length).toBeGreaterThan(3)
  })

  it('follows the order of names where that is the walker’s', async () => {
    start(session(scanNames.toReversed()))
    await walk('', (names) => names.toSorted())
    expect(archive.asked).toHaveLength(21)
    expect(new Set(archive.asked).size).toBe(21)
    start(session(['s9', 's1', 's2', 's3']))
    await readAll('', '/scans', '/scans/s1', '/scans/s1/DATA', '/scans/s1/NIFTI', '/scans/s2')
    const reading = begin('/scans/s2/DATA')
    await settle()
    expect([...archive.open.keys()]).toContain('/scans/s2/NIFTI')
    archive.answerAll()
    await reading
  })

  it('follows a walker that goes level by level', async () => {
    const scans = scanNames.map((name) => `/scans/${name}`)
    await readAll('', '/scans', '/resources', ...scans, '/resources/NOTES', '/scans/s1/DATA')
    await readAll('/scans/s1/NIFTI', '/scans/s10/DATA')
    expect([...archive.open.keys()]).toContain('/scans/s10/NIFTI')
  })

  it('asks for little where the walker passes by', async () => {
    await readAll(...toFirst)
    for (const name of scanNames) {
      await readAll(`/scans/${name}`, `/scans/${name}/DATA`)
      archive.answerAll()
      await settle()
    }
    expect(archive.asked.filter((path) => path.endsWith('DATA'))).toHaveLength(10)
    expect(archive.asked.filter((path) => path.endsWith('NIFTI')).length).toBeLessThanOrEqual(3)
  })

  it('gives up where nobody can say what comes next', async () => {
    await readAll(...toFirst, '/scans/s1/DATA')
    for (const name of ['s7', 's3', 's9', 's2', 's5', 's8']) await readAll(`/scans/${name}/DATA`)
    const before = archive.asked.length
    await readAll('/scans/s4', '/scans/s4/DATA')
    expect(archive.asked).toHaveLength(before + 1)
  })

  it('goes no further when a listing fails, and the walker asks for itself', async () => {
    await readAll(...toFirst)
    const reading = begin('/scans/s1/DATA')
    await settle()
    archive.open.get('/scans/s1/NIFTI')!.fail()
    archive.open.get('/scans/s1/DATA')!.answer()
    await reading
    await settle()
    archive.open.get('/scans/s10/DATA')!.answer()
    await settle()
    await read('/scans/s1/NIFTI')
    expect(archive.asked.slice(3)).toEqual(['/scans/s1/NIFTI'])
  })

  it('does nothing where it may ask for none, or the server is away', async () => {
    start(session(scanNames), 0)
    await readAll(...toFirst, '/scans/s1/DATA')
    expect(archive.asked).toEqual(['/scans/s1/DATA'])
    start(session(scanNames))
    archive.isReachable = false
    await readAll(...toFirst, '/scans/s1/DATA')
    expect(archive.asked).toEqual(['/scans/s1/DATA'])
  })
})
