import { describe, expect, it } from 'vitest'
import type { DirectoryEntry } from '../../../src/archive/archive.js'
import type { ControlPlace } from '../../../src/archive/control/control-place.js'
import { userCacheRules } from '../../../src/archive/control/user-cache.js'
import type { Sources } from '../../../src/archive/sources.js'
import type { CachedFile } from '../../../src/xnat/user-cache-client.js'

describe('a folder of the user with many files', () => {
  const place: ControlPlace = {
    level: 'control',
    kind: 'cache-folder',
    of: 'root',
    item: {},
    subject: 'upload',
  }
  const folder: DirectoryEntry = { kind: 'directory', name: 'upload', id: 'x', mtimeMs: 5, place }
  const { list, find } = userCacheRules['cache-folder']

  it('is gone through once for a list, not for each name in it', async () => {
    const files = Array.from({ length: 1000 }, (_, i) => `${i}.dcm`)
    let looks = 0
    let listed: readonly CachedFile[] = files.map((path) => ({ path, url: `/${path}`, sizeBytes: 1 }))
    const sources = {
      cachedFiles: () => Promise.resolve(listed),
      corrections: {
        applied: (_: string, version: string, facts: object) => {
          looks++
          return { version, ...facts }
        },
      },
    } as unknown as Sources
    expect(await list!(folder, place, sources)).toHaveLength(files.length)
    for (const name of files)
      expect(await find!(folder, place, name, sources)).toMatchObject({ name, sizeBytes: 1 })
    expect(looks).toBe(files.length)

    listed = [{ path: '0.dcm', url: '/0.dcm', sizeBytes: 2 }]
    expect(await find!(folder, place, '0.dcm', sources)).toMatchObject({ sizeBytes: 2 })
    expect(await find!(folder, place, '1.dcm', sources)).toBeUndefined()
  })
})
