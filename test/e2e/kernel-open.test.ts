import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MountStatus } from '../../src/cli/mount-status.js'
import { run, xnatfs } from '../support/processes.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

/** Mounts in which the kernel opens files without telling (docs/semantics.md 2.18). */

const flags = ['--read-only', '--kernel-open', '--driver', 'libfuse3']
const resource = '/data/experiments/XNAT_E00001/resources/BIG'
const slices = 'TEST/1/MR1/scans/1/DICOM'
const slicesCount = 16
const empty = 'ODD/subject with blanks/session with blanks/scans/1-MR1/NESTED/empty.dat'

let state: string
let server: Server
let mount: Mount
const at = (path: string): string => join(mount.path, path)
const start = async (...more: string[]): Promise<void> => {
  mount = await Mount.start(server, { flags: [...flags, ...more] })
}
const put = async (text: string | Buffer): Promise<void> => {
  const path = `${resource}/files/f.bin?inbody=true&overwrite=true`
  expect((await server.rest('PUT', path, Buffer.from(text))).status).toBeLessThan(300)
}
const kernelRequests = async (): Promise<number> => {
  const { stdout } = await mount.xnatfs(['status', mount.path, '--json'])
  const status = JSON.parse(stdout) as MountStatus | { mounts: MountStatus[] }
  return ('mounts' in status ? status.mounts[0]! : status).kernel!.requests
}
const code = (error: NodeJS.ErrnoException): string =>
  error.errno === -constants.errno.ESTALE ? 'ESTALE' : String(error.code)

beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'xnatfs-site-'))
  server = await Server.start(['--state', state])
  await server.rest('PUT', resource)
  await put('the first version')
})
afterEach(async () => {
  await mount.stop([/ESTALE .*f\.bin/, /f\.bin .*(changed|another version)/])
  await server.stop()
  await rm(state, { recursive: true })
})

describe('a file that the kernel has', () => {
  it('is opened and read again without a message', async () => {
    await start()
    const { stdout } = await run('sh', ['-c', `cat ${at(slices)}/*.dcm | md5sum`])
    const before = await kernelRequests()
    expect(before).toBeGreaterThan(slicesCount)
    const again = await run('sh', ['-c', `cat ${at(slices)}/*.dcm | md5sum`])
    expect(again.stdout).toBe(stdout)
    // The shell lists the directory; each file would have been a message at the least.
    expect((await kernelRequests()) - before).toBeLessThan(slicesCount / 2)
  })

  it('is read in parts, mapped and copied as it is', async () => {
    const bytes = Buffer.from(Array.from({ length: 700_001 }, (_, i) => (i * 31) % 251))
    await put(bytes)
    await start()
    const file = at('TEST/1/MR1/resources/BIG/f.bin')
    const script = `
import mmap, sys
with open(sys.argv[1], 'rb') as f:
    f.seek(600000); tail = f.read(); f.seek(0); head = f.read(600000)
    whole = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:]
assert head + tail == whole == open(sys.argv[1], 'rb').read()
sys.stdout.buffer.write(whole)
`
    const copy = join(state, 'copy')
    await run('sh', ['-c', `python3 -c "$1" "$2" > "$3"`, 'sh', script, file, copy])
    expect((await readFile(copy)).equals(bytes)).toBe(true)
    await run('cp', [file, copy])
    expect((await readFile(copy)).equals(bytes)).toBe(true)
  })
})

describe('a file that changes on the server', () => {
  it('is one version for who has it open, and another for who opens it then', async () => {
    await put(Buffer.alloc(300_000, 'a'))
    await start()
    const file = at('TEST/1/MR1/resources/BIG/f.bin')
    const letterAt = (handle: FileHandle, offset: number): Promise<string> =>
      handle.read(Buffer.alloc(1), 0, 1, offset).then(({ buffer }) => buffer.toString(), code)
    const old = await open(file)
    expect(await letterAt(old, 0)).toBe('a')
    await put(Buffer.alloc(200_000, 'b'))
    await mount.refresh()
    expect((await readFile(file)).equals(Buffer.alloc(200_000, 'b'))).toBe(true)
    for (const offset of [0, 100_000, 299_999]) expect(['a', 'ESTALE']).toContain(await letterAt(old, offset))
    expect((await old.stat()).size).toBe(300_000)
    await old.close()
    expect((await readFile(file)).equals(Buffer.alloc(200_000, 'b'))).toBe(true)
  })

  it('is read by many, again and again, as one whole version or not at all', async () => {
    const versions = 12
    const textOf = (version: number): string => {
      const count = 2000 + ((version * 7919) % 4000)
      return Array.from({ length: count }, (_, i) => `f v${version} n${count} i${i}\n`).join('')
    }
    await put(textOf(0))
    await start('--listing-ttl', '1', '--no-cache')
    const file = at('TEST/1/MR1/resources/BIG/f.bin')
    const done = { isWritten: false }
    const seen = new Set<number>()
    const read = async (): Promise<void> => {
      for (let last = 0; !done.isWritten || last < versions - 1;) {
        const text = await readFile(file, 'utf8').catch(code)
        if (text === 'ESTALE') continue
        const version = Number(/^f v(\d+) /.exec(text)?.[1])
        expect(text === textOf(version), text.slice(0, 80)).toBe(true)
        expect(version).toBeGreaterThanOrEqual(last)
        seen.add((last = version))
      }
    }
    const write = async (): Promise<void> => {
      for (let version = 1; version < versions; version++) {
        await expect.poll(() => seen.has(version - 1)).toBe(true)
        await put(textOf(version))
      }
      done.isWritten = true
    }
    await Promise.all([write(), read(), read(), read()])
    expect(seen.size).toBe(versions)
  })

  it('is read as it is where its catalog calls it empty', async () => {
    await start()
    const stored = join(state, 'archive/ODD/arc001/session with blanks/SCANS/1-MR1/NESTED/empty.dat')
    await writeFile(stored, 'a line\n')
    expect((await stat(at(empty))).size).toBe(7)
    expect(await readFile(at(empty), 'utf8')).toBe('a line\n')
  })

  it('is asked for once where it is empty', async () => {
    await start()
    await server.resetRequests()
    for (let time = 0; time < 3; time++) expect(await readFile(at(empty), 'utf8')).toBe('')
    const asked = (await server.requests()).filter(({ path }) => path.endsWith('/empty.dat'))
    expect(asked).toHaveLength(1)
  })
})

describe('what has no size before it is asked for', () => {
  it.each([
    'data/user?',
    'TEST/1/MR1/files?',
    'projects/TEST/subjects?format=csv',
    'TEST/1/MR1/.xnat/history.json',
    'TEST/1/MR1/.xnat/experiment.xml',
    `${slices}.zip`,
    'TEST/1/MR1/scans/ALL/DICOM.zip',
  ])('has it when it is looked up: %s', async (path) => {
    await start()
    const { size } = await stat(at(path))
    expect(size).toBeGreaterThan(0)
    expect((await readFile(at(path))).length).toBe(size)
    const copy = join(state, 'copy')
    expect(await run('cp', [at(path), copy])).toMatchObject({ stderr: '' })
    expect((await stat(copy)).size).toBe(size)
  })

  it('is asked for anew', async () => {
    await start()
    const path = 'TEST/1/MR1/resources/BIG/files?'
    const count = async (): Promise<number> => (await readFile(at(path), 'utf8')).split('f.bin').length
    const before = await count()
    await server.rest('PUT', `${resource}/files/f.bin-2?inbody=true`, 'more')
    await expect.poll(count).toBeGreaterThan(before)
  })
})

describe('the option', () => {
  it.each([
    { with: ['--kernel-open'], why: /nothing is changed; add --read-only/ },
    { with: ['--kernel-open', '--read-only', '--driver', 'fuse-native'], why: /--driver libfuse3/ },
  ])('is refused with $with', async ({ with: given, why }) => {
    await start()
    const { code: exit, stderr } = await xnatfs(['mount', join(state, 'other'), ...given], { env: mount.env })
    expect(exit).toBe(2)
    expect(stderr).toMatch(why)
  })
})
