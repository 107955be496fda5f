import {
  appendFile,
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { md5 } from '../support/byte-source.js'
import { md5OfFile } from '../support/digests.js'
import { codeOf } from '../support/errors.js'
import { Mount } from '../support/mount.js'
import { OtherServer } from '../support/other-server.js'
import type { OtherFile, OtherServerOptions } from '../support/other-server.js'
import { shell } from '../support/processes.js'

/**
 * The program on an XNAT that was written from the description of the wire alone, in the shapes that servers have: every
 * result is compared with what that server has on its disk, or answers to a request of the test's own.
 */
const variants: readonly { readonly title: string; readonly options: OtherServerOptions }[] = [
  { title: 'as XNAT is', options: {} },
  {
    title: 'old, below a context path, without digests, behind a balancer with a cookie of its own',
    options: {
      context: '/xnat',
      version: '1.8.3',
      checksums: false,
      stickyCookie: true,
      expired: '302',
    },
  },
  {
    title: 'very old, without sizes, counts and catalogs, that closes after each answer',
    options: {
      version: '1.7.4',
      sizes: false,
      counts: false,
      catalogs: 'refused',
      close: true,
      expired: '200',
    },
  },
  {
    title: 'behind a proxy that ignores ranges, loses lengths and types, packs text unasked, and dribbles',
    options: { proxy: ['ranges', 'lengths', 'gzip', 'types'], catalogs: 'page', dribbleBytes: 4000 },
  },
]

/** What no URL or no disk has; everything else must be readable. */
const unreadable = {
  'ALPHA/resources/broken/missing.txt': 'ESTALE',
  'ALPHA/resources/broken/Geist.nii': 'EIO',
  'ALPHA/resources/broken/Gespenst ö.nii': 'EIO',
  'ALPHA/resources/odd/data.zip/inside.txt': 'ENOTSUP',
}
const expectedComplaints = [/missing\.txt|Geist\.nii|Gespenst|inside\.txt/]
const session = 'ALPHA/S1/MR1'

describe.each(variants)('a server $title', ({ options }) => {
  let server: OtherServer
  let mount: Mount
  const complaints: RegExp[] = [...expectedComplaints]
  beforeAll(async () => {
    server = await OtherServer.start(options)
    mount = await Mount.start(server, { flags: ['--allow-raw-writes'] })
  })
  afterAll(async () => {
    try {
      await mount.stop(complaints)
    } finally {
      await server.stop()
    }
  })
  const at = (path: string): string => join(mount.path, path)
  const stored = async (label: string, path: string): Promise<OtherFile | undefined> =>
    (await server.files()).find((file) => file.label === label && file.path === path)

  it('has each file once, with its bytes', async () => {
    const found = await shell("find . -type f -printf '%P\\0'", { cwd: mount.path })
    const sums: string[] = []
    for (const path of found.split('\0').filter((name) => name !== '' && !name.includes('/S1 shared/'))) {
      const wanted = (unreadable as Record<string, string>)[path]
      if (wanted === undefined) sums.push(await md5OfFile(at(path)))
      else expect([path, await codeOf(readFile(at(path)))]).toEqual([path, wanted])
    }
    const onServer = (await server.files()).filter(({ path }) => !/^secret|inside/.test(path))
    expect(sums.toSorted()).toEqual(onServer.map((file) => file.md5).toSorted())
  })

  it('shows sizes, and the same file by every path that leads to it', async () => {
    const wanted = await stored('NIFTI', 'big.nii')
    for (const path of [
      `${session}/scans/1/NIFTI/big.nii`,
      'data/projects/ALPHA/subjects/S1/experiments/MR1/scans/1/resources/NIFTI/files/big.nii',
      'data/archive/projects/ALPHA/experiments/MR1/scans/1/resources/NIFTI/files/big.nii',
      `data/experiments/${await server.idOf('experiments', 'MR1')}/scans/1/resources/NIFTI/files/big.nii`,
      `data/subjects/${await server.idOf('subjects', 'S1')}/experiments/MR1/scans/1/NIFTI/big.nii`,
      `${session}/scans/1-T1/NIFTI/big.nii`,
      `${session}/scans/ALL/1/NIFTI/big.nii`,
      `${session}/scans/1,2/NIFTI/files/big.nii`,
      'beta.2/S1 shared/MR1 (shared)/scans/1/NIFTI/big.nii',
    ]) {
      expect([path, await md5OfFile(at(path)), (await stat(at(path))).size]).toEqual([
        path,
        wanted!.md5,
        wanted!.sizeBytes,
      ])
    }
  })

  it('resolves wildcards, and a name that is an ID and a type as the ID', async () => {
    expect((await readdir(at(`${session}/scans/ALL`))).toSorted()).toEqual(
      ['1', '2', '3-MR1', '6,7', 'MR 5', 'T1'].toSorted(),
    )
    expect(await readdir(at(`${session}/scans/T1/DICOM`))).toEqual(['1.dcm'])
    expect(await readdir(at(`${session}/scans/T2`))).toEqual(['6,7'])
    expect(await readdir(at(`${session}/scans/NULL`))).toEqual(['MR 5'])
    expect(await readdir(at(`${session}/scans/WATER: a%2Fb (0.8x0.8), #1`))).toEqual(['3-MR1'])
    expect(await readdir(at(`${session}/scans/1,T2`))).toHaveLength(2)
    expect(await readlink(at('ALPHA/experiments/MR1'))).toBe('../S1/MR1')
  })

  it('gives any part of a file', async () => {
    const path = at(`${session}/scans/1/NIFTI/big.nii`)
    const whole = await readFile(path)
    const handle = await open(path)
    try {
      for (const [offset, length] of [
        [whole.length - 5, 100],
        [1_000_001, 300_000],
        [0, 1],
        [whole.length, 10],
      ] as const) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
        expect([
          offset,
          buffer.subarray(0, bytesRead).equals(whole.subarray(offset, offset + length)),
        ]).toEqual([offset, true])
      }
    } finally {
      await handle.close()
    }
  })

  it('takes files, and has what was written, under odd names too', async () => {
    await mkdir(at(`${session}/resources/OUT`))
    for (const name of [
      'plain.txt',
      'with blank.txt',
      'a+b.txt',
      'ä#1%.txt',
      'sub/deep er/x.txt',
      'empty.txt',
    ]) {
      const content = name === 'empty.txt' ? '' : `content of ${name}`
      if (name.startsWith('sub')) await mkdir(at(`${session}/resources/OUT/sub/deep er`), { recursive: true })
      await shell('cat > "$TARGET" && sync "$TARGET"', {
        input: content,
        env: { TARGET: at(`${session}/resources/OUT/${name}`) },
      })
      const files = (await server.files()).filter(({ label }) => label === 'OUT')
      expect([name, files.map((file) => file.md5)]).toEqual([
        name,
        expect.arrayContaining([md5(Buffer.from(content))]),
      ])
    }
    await mount.refresh()
    expect((await readdir(at(`${session}/resources/OUT`))).toSorted()).toEqual(
      ['plain.txt', 'with blank.txt', 'a+b.txt', 'ä#1%.txt', 'sub', 'empty.txt'].toSorted(),
    )
    expect(await readFile(at(`${session}/resources/OUT/sub/deep er/x.txt`), 'utf8')).toBe(
      'content of sub/deep er/x.txt',
    )
  })

  it('has what was overwritten, appended and renamed, and not what was removed', async () => {
    await mkdir(at(`${session}/scans/2/CHANGED`))
    const folder = at(`${session}/scans/2/CHANGED`)
    const now = async (): Promise<Record<string, string>> => {
      const files = (await server.files()).filter(({ label }) => label === 'CHANGED')
      return Object.fromEntries(files.map((file) => [file.path.replaceAll('%20', ' '), file.md5]))
    }
    const sum = (text: string): string => md5(Buffer.from(text))
    for (const name of ['one.txt', 'two words.txt']) {
      await writeFile(join(folder, name), 'first')
      await writeFile(join(folder, name), 'second')
      expect(await now()).toMatchObject({ [name]: sum('second') })
      await appendFile(join(folder, name), ' and more')
      expect(await now()).toMatchObject({ [name]: sum('second and more') })
    }
    await rename(join(folder, 'one.txt'), join(folder, 'renamed.txt'))
    await rename(join(folder, 'two words.txt'), join(folder, 'three more words.txt'))
    expect(await now()).toEqual({
      'renamed.txt': sum('second and more'),
      'three more words.txt': sum('second and more'),
    })
    await rm(join(folder, 'renamed.txt'))
    await rm(join(folder, 'three more words.txt'))
    expect(await now()).toEqual({})
    await rmdir(folder)
    const id = await server.idOf('experiments', 'MR1')
    const { body } = await server.rest('GET', `/data/experiments/${id}/scans/2/resources?format=csv`)
    expect(body.toString()).not.toContain('CHANGED')
  })

  it('is not made to delete by prefix what was not meant', async () => {
    const folder = at(`${session}/resources/PREFIX`)
    await mkdir(folder)
    await writeFile(join(folder, 'scan1'), 'scan1')
    const files = `/data/experiments/${await server.idOf('experiments', 'MR1')}/resources/PREFIX/files`
    for (const name of ['scan10', 'scan1.txt']) await server.rest('PUT', `${files}/${name}`, name)
    await mount.refresh()
    expect(await codeOf(rm(join(folder, 'scan1')))).toBe('EBUSY')
    complaints.push(/EBUSY remove scan1/)
    expect((await server.files()).filter(({ label }) => label === 'PREFIX')).toHaveLength(3)
    await shell('rm -r "$TARGET"', { env: { TARGET: folder } })
    expect((await server.files()).filter(({ label }) => label === 'PREFIX')).toHaveLength(0)
  })

  it('keeps the mount working over sessions that end, with one log-in each time', async () => {
    for (let round = 0; round < 2; round++) {
      const before = await server.sessionsOpened()
      await server.expireSessions()
      await mount.refresh()
      await Promise.all([1, 2, 3, 4].map((number) => md5OfFile(at(`${session}/scans/1/DICOM/${number}.dcm`))))
      await writeFile(at(`${session}/resources/OUT/after.txt`), `round ${round}`)
      expect((await stored('OUT', 'after.txt'))?.md5).toBe(md5(Buffer.from(`round ${round}`)))
      expect((await server.sessionsOpened()) - before).toBe(1)
    }
  })
})
