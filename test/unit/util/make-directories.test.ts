import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectories } from '../../../src/util/make-directories.js'

describe('makeDirectories', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-make-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('makes what is missing on the way, with these rights', async () => {
    const path = join(folder, 'a/b/c')
    expect(await makeDirectories(path, { mode: 0o700 })).toBe(true)
    for (const each of ['a', 'a/b', 'a/b/c'])
      expect((await stat(join(folder, each))).mode & 0o777).toBe(0o700)
    expect(await makeDirectories(path)).toBe(false)
  })

  it('is done by several at once', async () => {
    const path = join(folder, 'a/b/c')
    const made = await Promise.all([1, 2, 3].map(() => makeDirectories(path)))
    expect(made.filter(Boolean)).toHaveLength(1)
  })

  it('is refused where a file is in the way', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(makeDirectories(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeDirectories(join(folder, 'file/a/b'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it.each(['/proc/xnatfs', '/proc/self/fd/xnatfs/journal'])(
    'ends where nothing can be made: %s',
    async (path) => {
      await expect(makeDirectories(path)).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})
