import { describe, expect, it } from 'vitest'
import type { DirectoryEntry, FileEntry } from '../../../src/archive/archive.js'
import { InodeTable } from '../../../src/vfs/inode-table.js'
import { fileEntry } from '../../support/byte-source.js'

const place = { level: 'test' }
const root: DirectoryEntry = { kind: 'directory', name: '', id: 'root', mtimeMs: 0, place }
const directory = (name: string): DirectoryEntry => ({
  kind: 'directory',
  name,
  id: `d:${name}`,
  mtimeMs: 0,
  place,
})
const file = (name: string, version = 'v1'): FileEntry =>
  fileEntry(Buffer.alloc(1), { name, id: `file:${name}`, version })

describe('InodeTable', () => {
  it('gives the same numbers in every mount and after a node was forgotten', () => {
    const numbers = [0, 1].map(() => {
      const table = new InodeTable(root, { idleKept: 2 })
      const parent = table.intern(table.root, directory('p'))
      const first = table.intern(parent, file('a')).ino
      for (const name of ['b', 'c', 'd']) table.intern(parent, file(name))
      expect(() => table.get(first)).toThrow(/not known/)
      expect(table.intern(parent, file('a')).ino).toBe(first)
      return [parent.ino, first]
    })
    expect(numbers[0]).toEqual(numbers[1])
  })

  it('keeps a node while the kernel, a handle or a node below refers to it', () => {
    const table = new InodeTable(root, { idleKept: 1 })
    const parent = table.intern(table.root, directory('p'))
    const held = table.intern(parent, file('a'))
    table.ref(held, 'lookups')
    for (const name of ['b', 'c', 'd']) table.intern(parent, file(name))
    expect(table.get(held.ino)).toBe(held)
    expect(table.get(parent.ino)).toBe(parent)
    table.unref(held, 'lookups')
    table.intern(parent, file('e'))
    expect(() => table.get(held.ino)).toThrow(/not known/)
  })

  it('gives different numbers to a hundred thousand files', () => {
    const table = new InodeTable(root, { idleKept: 200_000 })
    const numbers = new Set<number>()
    for (let d = 0; d < 100; d++) {
      const parent = table.intern(table.root, directory(`scan${d}`))
      for (let f = 0; f < 1000; f++) numbers.add(table.intern(parent, file(`${f}.dcm`)).ino)
    }
    expect(numbers.size).toBe(100_000)
    expect([...numbers].every((ino) => Number.isSafeInteger(ino) && ino > 1)).toBe(true)
  })

  it('keeps the number of a file that is renamed, and of one that gets stored', () => {
    const table = new InodeTable(root)
    const parent = table.intern(table.root, directory('p'))
    const node = table.internLocal(parent, 'file', 'new', undefined)
    table.rename(node, parent, 'renamed')
    expect(table.intern(parent, file('renamed'))).toBe(node)
    expect(table.intern(parent, file('new'))).not.toBe(node)
  })

  it('forgets a removed node with its last reference', () => {
    const table = new InodeTable(root)
    const node = table.intern(table.root, file('a'))
    table.ref(node, 'handles')
    table.detach(node)
    expect(table.get(node.ino)).toBe(node)
    expect(table.intern(table.root, file('a'))).not.toBe(node)
    table.unref(node, 'handles')
    expect(() => table.get(node.ino)).toThrow(/not known/)
  })

  it.each([true, false])(
    'leaves a file as it is read while an operation of the mount holds it (%s)',
    (opensApart) => {
      const table = new InodeTable(root, { opensApart })
      const node = table.intern(table.root, file('a', 'v1'))
      table.ref(node, 'handles') // a reader
      table.ref(node, 'handles')
      node.holds = 1
      expect(table.intern(table.root, file('a', 'v2'))).toBe(node)
      expect(node.file!.version).toBe('v1')
      node.holds = 0
      table.unref(node, 'handles')
      const now = table.intern(table.root, file('a', 'v2'))
      expect([now === node, (now.newer ?? now.file)!.version]).toEqual([!opensApart, 'v2'])
      expect(node.file!.version).toBe('v1')
    },
  )

  it('takes what is newer of a file that nobody but an operation of the mount holds', () => {
    const table = new InodeTable(root)
    const node = table.intern(table.root, file('a', 'v1'))
    table.ref(node, 'handles')
    node.holds = 1
    expect(table.intern(table.root, file('a', 'v2'))).toBe(node)
    expect(node.file!.version).toBe('v2')
  })

  it('drops times set here when somebody else has changed the bytes', () => {
    const table = new InodeTable(root)
    const node = table.intern(table.root, file('a', 'v1'))
    node.overrides = { mtimeMs: 5, mode: 0o600 }
    table.intern(table.root, file('a', 'v1'))
    expect(node.overrides.mtimeMs).toBe(5)
    table.intern(table.root, file('a', 'v2'))
    expect(node.overrides).toEqual({ mode: 0o600 })
  })
})
