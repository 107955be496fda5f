import { describe, expect, it } from 'vitest'
import type { FileEntry } from '../../../src/archive/archive.js'
import type { LocalFile } from '../../../src/vfs/local-file.js'
import { Node } from '../../../src/vfs/node.js'

const file = (changes: Partial<FileEntry> = {}): FileEntry =>
  ({ kind: 'file', key: 'k', name: 'f', version: 'v1', sizeBytes: 3, mtimeMs: 0, ...changes }) as FileEntry

function watched(): { node: Node; stops: () => number } {
  const node = new Node(7, 'file', undefined, 'f', file())
  let stops = 0
  node.watch(file(), () => stops++)
  return { node, stops: () => stops }
}

describe('who watches a node', () => {
  it.each([
    ['another version is listed', (node: Node) => node.adopt(file({ version: 'v2' }))],
    ['another file takes its place', (node: Node) => (node.entry = file({ key: 'other' }))],
    ['it is listed no more', (node: Node) => (node.entry = undefined)],
    ['it is written here', (node: Node) => (node.local = {} as LocalFile)],
    ['it is removed', (node: Node) => (node.isRemoved = true)],
    ['the same bytes are listed with another time', (node: Node) => node.adopt(file({ mtimeMs: 5000 }))],
    ['its attributes are set here', (node: Node) => node.override({ mode: 0o600 })],
  ])('is told once when %s', (_, change) => {
    const { node, stops } = watched()
    change(node)
    expect(stops()).toBe(1)
    node.adopt(file({ version: 'v3' }))
    expect(stops()).toBe(1)
  })

  it('is told before the change can be seen', () => {
    const node = new Node(7, 'file', undefined, 'f', file())
    const seen: unknown[] = []
    node.watch(file(), () => seen.push(node.file?.version))
    node.adopt(file({ version: 'v2' }))
    expect(seen).toEqual(['v1'])
  })

  it('is not told when the same version is listed again', () => {
    const { node, stops } = watched()
    node.adopt(file())
    expect(stops()).toBe(0)
  })

  it.each([
    ['another version is listed', (node: Node) => node.adopt(file({ version: 'v2' }))],
    ['it is written here', (node: Node) => (node.local = {} as LocalFile)],
    ['it is removed', (node: Node) => (node.isRemoved = true)],
  ])('is refused where %s already', (_, change) => {
    const node = new Node(7, 'file', undefined, 'f', file())
    change(node)
    let stops = 0
    expect(node.watch(file(), () => stops++)).toBe(false)
    node.entry = undefined
    expect(stops).toBe(0)
  })
})
