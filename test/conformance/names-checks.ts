import { expect } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { expectCode } from './check.js'
import type { Check } from './check.js'

/** What a program may rely on when names come, go and change. The paragraphs of docs/semantics.md cite these checks by name. */
export const namesChecks: Readonly<Record<string, Check>> = {
  'what is absent is ENOENT': async ({ fs, here }) => {
    await expectCode(fs.open(`${here}/none`, 'r'), 'ENOENT')
    await expectCode(fs.stat(`${here}/none/below`), 'ENOENT')
    await expectCode(fs.unlink(`${here}/none`), 'ENOENT')
    await expectCode(fs.rmdir(`${here}/none`), 'ENOENT')
    await expectCode(fs.rename(`${here}/none`, `${here}/some`), 'ENOENT')
    await expectCode(fs.list('NO_SUCH_PROJECT'), 'ENOENT')
  },

  'files are no directories and directories no files': async ({ fs, here, put }) => {
    await put('f', Buffer.from('f'))
    await fs.mkdir(`${here}/d`)
    await expectCode(fs.stat(`${here}/f/below`), 'ENOTDIR')
    await expectCode(fs.rmdir(`${here}/f`), 'ENOTDIR')
    await expectCode(fs.open(`${here}/d`, 'r+'), 'EISDIR')
    await expectCode(fs.mkdir(`${here}/d`), 'EEXIST')
    await expectCode(fs.mkdir(`${here}/f`), 'EEXIST')
  },

  'a deleted file is gone here and on the server': async ({ fs, here, put, stored }) => {
    await put('gone.txt', Buffer.from('x'))
    await fs.unlink(`${here}/gone.txt`)
    expect(await stored('gone.txt')).toBeUndefined()
    expect(await fs.list(here)).toEqual([])
    await expectCode(fs.stat(`${here}/gone.txt`), 'ENOENT')
  },

  'a file deleted while it is open goes on for its handle, and is not stored by its close': async ({
    fs,
    here,
    stored,
  }) => {
    const file = await fs.open(`${here}/u.txt`, 'w+')
    await file.write(Buffer.from('still here'), 0)
    expect((await file.stat()).links).toBe(1)
    await fs.unlink(`${here}/u.txt`)
    expect((await file.read(0, 10)).toString()).toBe('still here')
    expect((await file.stat()).links).toBe(0)
    await file.close()
    expect(await stored('u.txt')).toBeUndefined()
    expect(await fs.list(here)).toEqual([])
  },

  'a delete that XNAT would extend to other files is refused, and touches nothing': async ({
    fs,
    here,
    put,
    stored,
  }) => {
    await put('scan1', Buffer.from('1'))
    await put('scan10', Buffer.from('10'))
    await expectCode(fs.unlink(`${here}/scan1`), 'EBUSY')
    expect([await stored('scan1'), await stored('scan10')]).toEqual([Buffer.from('1'), Buffer.from('10')])
    for (const name of await fs.list(here)) await fs.unlink(`${here}/${name}`)
    expect(await fs.list(here)).toEqual([])
  },

  'folders nest, exist while empty, and hold files': async ({ fs, here, stored }) => {
    await fs.mkdir(`${here}/sub`)
    await fs.mkdir(`${here}/sub/deep`)
    expect(await fs.list(`${here}/sub`)).toEqual(['deep'])
    await writeFile(fs, `${here}/sub/deep/f.txt`, 'deep')
    expect((await stored('sub/deep/f.txt'))!.toString()).toBe('deep')
    expect(await fs.list(`${here}/sub/deep`)).toEqual(['f.txt'])
    await expectCode(fs.rmdir(`${here}/sub/deep`), 'ENOTEMPTY')
    await fs.unlink(`${here}/sub/deep/f.txt`)
    await fs.rmdir(`${here}/sub/deep`)
    await fs.rmdir(`${here}/sub`)
    expect(await fs.list(here)).toEqual([])
  },

  'the folder of a file that another client put is there, and outlives its last file': async ({
    fs,
    here,
    put,
  }) => {
    await put('x/y/z.txt', Buffer.from('z'))
    expect((await fs.stat(`${here}/x/y`)).kind).toBe('directory')
    await fs.unlink(`${here}/x/y/z.txt`)
    expect(await fs.list(`${here}/x/y`)).toEqual([])
    await fs.rmdir(`${here}/x/y`)
    await fs.rmdir(`${here}/x`)
  },

  'a resource is removed when it is empty, and not before': async ({ fs, here, put }) => {
    await put('f', Buffer.from('f'))
    await expectCode(fs.rmdir(here), 'ENOTEMPTY')
    await fs.unlink(`${here}/f`)
    await fs.rmdir(here)
    await expectCode(fs.stat(here), 'ENOENT')
  },

  'a stored file can be renamed, also into a folder': async ({ fs, here, put, stored }) => {
    await put('old.txt', Buffer.from('moved'))
    await fs.mkdir(`${here}/folder`)
    await fs.rename(`${here}/old.txt`, `${here}/folder/new.txt`)
    expect(await stored('old.txt')).toBeUndefined()
    expect((await stored('folder/new.txt'))!.toString()).toBe('moved')
    expect((await readFile(fs, `${here}/folder/new.txt`)).toString()).toBe('moved')
    await expectCode(fs.stat(`${here}/old.txt`), 'ENOENT')
  },

  'a stored file can be renamed to a name that its own begins, as a backup is': async ({
    fs,
    here,
    put,
    stored,
  }) => {
    await put('scan', Buffer.from('moved'))
    await fs.rename(`${here}/scan`, `${here}/scan.bak`)
    expect([await stored('scan'), await stored('scan.bak')]).toEqual([undefined, Buffer.from('moved')])
    expect(await fs.list(here)).toEqual(['scan.bak'])
  },

  'an empty file that gets its name by a rename is stored then': async ({ fs, here, stored }) => {
    await writeFile(fs, `${here}/.e.Xyz123`, '')
    await fs.rename(`${here}/.e.Xyz123`, `${here}/e`)
    expect(await stored('e')).toEqual(Buffer.alloc(0))
  },

  'a rename over a stored file replaces it': async ({ fs, here, put, stored }) => {
    await put('target.txt', Buffer.from('old'))
    await put('source.txt', Buffer.from('new'))
    await fs.rename(`${here}/source.txt`, `${here}/target.txt`)
    expect((await stored('target.txt'))!.toString()).toBe('new')
    expect(await stored('source.txt')).toBeUndefined()
    expect(await fs.list(here)).toEqual(['target.txt'])
  },

  'a temporary name stays here until it is renamed': async ({ fs, here, put, stored }) => {
    await put('data.txt', Buffer.from('old'))
    await writeFile(fs, `${here}/.data.txt.Xa1b2C`, 'new')
    expect(await stored('.data.txt.Xa1b2C')).toBeUndefined()
    await fs.rename(`${here}/.data.txt.Xa1b2C`, `${here}/data.txt`)
    expect((await stored('data.txt'))!.toString()).toBe('new')
    expect(await fs.list(here)).toEqual(['data.txt'])
  },

  'a backup by rename, a new file and the removal of the backup end as one new version': async ({
    fs,
    here,
    put,
    stored,
  }) => {
    await put('a.txt', Buffer.from('old'))
    await fs.rename(`${here}/a.txt`, `${here}/a.txt~`)
    await expectCode(fs.stat(`${here}/a.txt`), 'ENOENT')
    expect((await stored('a.txt'))!.toString()).toBe('old')
    await writeFile(fs, `${here}/a.txt`, 'new')
    expect((await readFile(fs, `${here}/a.txt~`)).toString()).toBe('old')
    await fs.unlink(`${here}/a.txt~`)
    expect((await stored('a.txt'))!.toString()).toBe('new')
    expect(await fs.list(here)).toEqual(['a.txt'])
  },

  'a backup that is moved back leaves everything as it was': async ({ fs, here, put, stored }) => {
    await put('a.txt', Buffer.from('old'))
    await fs.rename(`${here}/a.txt`, `${here}/a.txt~`)
    await fs.rename(`${here}/a.txt~`, `${here}/a.txt`)
    expect((await stored('a.txt'))!.toString()).toBe('old')
    expect((await readFile(fs, `${here}/a.txt`)).toString()).toBe('old')
    expect(await fs.list(here)).toEqual(['a.txt'])
  },

  'a file that was moved to a temporary name and deleted there is deleted on the server': async ({
    fs,
    here,
    put,
    stored,
  }) => {
    await put('a.txt', Buffer.from('old'))
    await fs.rename(`${here}/a.txt`, `${here}/a.txt~`)
    await fs.unlink(`${here}/a.txt~`)
    expect(await stored('a.txt')).toBeUndefined()
    expect(await fs.list(here)).toEqual([])
  },

  'a directory with files cannot be renamed, so that mv copies it': async ({ fs, here, put }) => {
    await put('d/f.txt', Buffer.from('f'))
    await expectCode(fs.rename(`${here}/d`, `${here}/e`), 'EXDEV')
    expect((await readFile(fs, `${here}/d/f.txt`)).toString()).toBe('f')
  },
}
