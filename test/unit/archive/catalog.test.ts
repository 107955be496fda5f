import { describe, expect, it } from 'vitest'
import type { DirectoryEntry } from '../../../src/archive/archive.js'
import { buildTree, treeListing, withStoredFile } from '../../../src/archive/catalog.js'
import { Corrections } from '../../../src/archive/corrections.js'
import type { DirectoryListing, ResourcePart, TreePlace } from '../../../src/archive/layout.js'
import type { StoredFile } from '../../../src/xnat/catalog-xml.js'

const part: ResourcePart = {
  address: { experiment: 'E1', resource: '7' },
  item: '',
  label: '',
  fileCount: undefined,
  isSeries: false,
}
const place: TreePlace = { level: 'resource', parts: [part], path: [], isProtected: false }
const directory: DirectoryEntry = { kind: 'directory', name: 'R', id: 'r', mtimeMs: 0, place }
const corrections = new Corrections()

function stored(storedPath: string, text = storedPath): StoredFile {
  return { storedPath, sizeBytes: text.length, digest: `md5 of ${text}`, modifiedMs: 1000 }
}

function listed(files: readonly StoredFile[]): DirectoryListing {
  return treeListing(directory, buildTree([[part, files]]), corrections)
}

/** What is told of each entry, by its name. Which answer listed it is another matter, but that it was one is not. */
function told({ entries }: DirectoryListing): Record<string, unknown> {
  return Object.fromEntries(
    entries.map((entry) => {
      const listing = entry.kind === 'file' ? Array.isArray(entry.listing) : undefined
      return [entry.name, { ...entry, listing }]
    }),
  )
}

describe('withStoredFile', () => {
  const before = ['a.dcm', 'b.dcm', 'scan10', 'scan1', 'folder/x', 'files2'].map((path) => stored(path))

  it.each(['c.dcm', 'scan100', 'scan2', 'b.dcm', 'b', 'sca'])(
    'lists %s as a listing built anew would',
    (path) => {
      const file = stored(path, 'other')
      const changed = withStoredFile(listed(before), directory, file, [...before, file], corrections)
      const anew = listed([...before.filter((other) => other.storedPath !== path), file])
      if (changed) expect(told(changed)).toEqual(told(anew))
      const files = (changed ?? anew).entries.filter(({ kind }) => kind === 'file').map(({ name }) => name)
      files.forEach((name, i) =>
        expect(files.slice(i + 1).filter((later) => later.startsWith(name))).toEqual([]),
      )
    },
  )

  it('needs no new listing for files whose names are counted', () => {
    let listing: DirectoryListing | undefined = listed([stored('f1')])
    for (let i = 2; i <= 120; i++)
      listing = listing && withStoredFile(listing, directory, stored(`f${i}`), [], corrections)
    expect(listing?.entries).toHaveLength(120)
  })

  it.each(['folder', 'folder/y', 'a b', 'a%2Fb', 'x#y', 'files'])('leaves %s to a new listing', (path) => {
    expect(withStoredFile(listed(before), directory, stored(path), [], corrections)).toBeUndefined()
  })
})
