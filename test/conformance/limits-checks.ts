import { expect } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { expectCode } from './check.js'
import type { Check } from './check.js'

/** What is kept beside bytes and names, and what is refused. The paragraphs of docs/semantics.md cite these checks by name. */
export const limitsChecks: Readonly<Record<string, Check>> = {
  'times and modes that are set stay': async ({ fs, here, put }) => {
    await put('t.txt', Buffer.from('t'))
    const mtimeMs = Date.UTC(2020, 1, 3, 4, 5, 6)
    await fs.utimes(`${here}/t.txt`, mtimeMs + 1000, mtimeMs)
    await fs.chmod(`${here}/t.txt`, 0o600)
    expect(await fs.stat(`${here}/t.txt`)).toMatchObject({ mtimeMs, mode: 0o600 })
    await writeFile(fs, `${here}/u.txt`, 'u')
    await fs.utimes(`${here}/u.txt`, mtimeMs, mtimeMs)
    expect((await fs.stat(`${here}/u.txt`)).mtimeMs).toBe(mtimeMs)
  },

  'the time of a write stays when the file is stored': async ({ fs, here }) => {
    const file = await fs.open(`${here}/m.txt`, 'w')
    await file.write(Buffer.from('m'), 0)
    const before = (await file.stat()).mtimeMs
    await file.close()
    expect((await fs.stat(`${here}/m.txt`)).mtimeMs).toBe(before)
  },

  'inode numbers are stable': async ({ fs, here, put }) => {
    await put('i.txt', Buffer.from('i'))
    const first = await fs.stat(`${here}/i.txt`)
    await readFile(fs, `${here}/i.txt`)
    await fs.list(here)
    expect((await fs.stat(`${here}/i.txt`)).ino).toBe(first.ino)
    await writeFile(fs, `${here}/n.txt`, 'new')
    const created = await fs.stat(`${here}/n.txt`)
    await writeFile(fs, `${here}/n.txt`, 'newer')
    expect((await fs.stat(`${here}/n.txt`)).ino).toBe(created.ino)
  },

  'names that a URL or a shell finds hard are kept': async ({ fs, here }) => {
    const names = [
      'a b',
      'a+b',
      'a#b',
      'a%b',
      'a%20b',
      'é',
      '[x]',
      'a&b',
      "it's",
      '(1)',
      '=,;',
      'a?b',
      'a:b',
      '日本 語',
      '~',
      '-x',
      '"q"',
    ]
    for (const name of names) await writeFile(fs, `${here}/${name}`, `content of ${name}`)
    expect((await fs.list(here)).toSorted()).toEqual(names.toSorted())
    for (const name of names)
      expect((await readFile(fs, `${here}/${name}`)).toString()).toBe(`content of ${name}`)
  },

  'a name that XNAT could not keep is refused': async ({ fs, here }) => {
    for (const name of ['a\\b', 'a%2Fb', '%2E%2E', 'x_catalog.xml', '.~lock-x']) {
      await expectCode(fs.open(`${here}/${name}`, 'w'), 'EINVAL')
    }
    await expectCode(fs.mkdir(`${here}/results.zip`), 'EINVAL')
  },

  'a name of more than 255 bytes is refused': async ({ fs, here }) => {
    await expectCode(fs.open(`${here}/${'x'.repeat(256)}`, 'w'), 'ENAMETOOLONG')
  },

  'a name of more than 255 bytes with the escapes that XNAT keeps is refused': async ({ fs, here }) => {
    await expectCode(fs.open(`${here}/${'ü'.repeat(43)}`, 'w'), 'EINVAL')
    await expectCode(fs.mkdir(`${here}/${'😀'.repeat(22)}`), 'EINVAL')
    // 252 bytes; and those that it decodes because of the blank.
    for (const name of ['ü'.repeat(42), `${'ü'.repeat(120)} b`]) {
      await writeFile(fs, `${here}/${name}`, name)
      expect((await readFile(fs, `${here}/${name}`)).toString()).toBe(name)
    }
  },

  'raw scan data is protected': async ({ fs }) => {
    const dicom = 'TEST/1/MR1/scans/1/DICOM'
    const [name] = await fs.list(dicom)
    await expectCode(fs.open(`${dicom}/new.dcm`, 'w'), 'EPERM')
    await expectCode(fs.open(`${dicom}/${name}`, 'r+'), 'EPERM')
    await expectCode(fs.unlink(`${dicom}/${name}`), 'EPERM')
    await expectCode(fs.truncate(`${dicom}/${name}`, 0), 'EPERM')
    await expectCode(fs.rename(`${dicom}/${name}`, `${dicom}/other`), 'EPERM')
    await expectCode(fs.rmdir(dicom), 'EPERM')
    await expectCode(fs.mkdir('TEST/1/MR1/scans/2/secondary'), 'EPERM')
  },

  'nothing above a resource is made or removed': async ({ fs }) => {
    await expectCode(fs.mkdir('NEW_PROJECT'), 'EPERM')
    await expectCode(fs.mkdir('TEST/new_subject'), 'EPERM')
    await expectCode(fs.mkdir('TEST/1/MR1/scans/99'), 'EPERM')
    await expectCode(fs.rmdir('TEST/1/MR1/scans/1'), 'EPERM')
    await expectCode(fs.rmdir('TEST/1'), 'EPERM')
    await expectCode(fs.rmdir('TEST'), 'EPERM')
    await expectCode(fs.open('TEST/1/file.txt', 'w'), 'EPERM')
    await expectCode(fs.open('TEST/1/MR1/scans/1/file.txt', 'w'), 'EPERM')
  },

  'a label that XNAT cannot give a resource is refused': async ({ fs }) => {
    await expectCode(fs.mkdir('TEST/1/MR1/resources/with blank'), 'EINVAL')
    await expectCode(fs.mkdir('TEST/1/MR1/resources/12345'), 'EINVAL')
  },

  'links lead to writable places': async ({ fs, here, stored }) => {
    const alias = here.replace(
      'TEST/1/MR1/resources/',
      'data/archive/projects/TEST/subjects/1/experiments/MR1/resources/',
    )
    await writeFile(fs, `${alias}/files/via.txt`, 'by its URI')
    expect((await stored('via.txt'))!.toString()).toBe('by its URI')
  },

  'views are read-only': async ({ fs }) => {
    await expectCode(fs.open('TEST/1/MR1/scans/ALL/DICOM/x', 'w'), 'EROFS')
    const [name] = await fs.list('TEST/1/MR1/scans/T1/SNAPSHOTS')
    await expectCode(fs.unlink(`TEST/1/MR1/scans/T1/SNAPSHOTS/${name}`), 'EROFS')
    await expectCode(fs.mkdir('TEST/1/MR1/scans/ALL/1/NEW'), 'EROFS')
  },
}
