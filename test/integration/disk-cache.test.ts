import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { patternBytes } from '../support/byte-source.js'
import type { FileSystem } from '../support/file-system.js'
import { readFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { abandonJournals } from '../support/journals.js'
import { Server } from '../support/server.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { defaultRetryPolicy } from '../../src/xnat/retry.js'

/** A server that is away is known to be away soon. */
const retry = { ...defaultRetryPolicy, delaysMs: [1, 1, 1, 1] }

/** Of the generated sample. */
const session = 'TEST/1/MR1'

let cacheDir: string
let server: Server
const running = new Set<LocalVfs>()

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'xnatfs-cache-'))
  server = await Server.start()
})
afterEach(async () => {
  for (const local of running) await local.stop()
  running.clear()
  await server.stop()
  await rm(cacheDir, { recursive: true })
})

type Access = Pick<Server, 'url' | 'user' | 'password'>

async function start(
  access: Access = server,
  flags = {},
  journalRoot?: string,
): Promise<LocalVfs & { fs: FileSystem }> {
  const local = await startLocalVfs(access, { cacheDir, retry, ...flags }, journalRoot)
  running.add(local)
  return { ...local, fs: vfsFileSystem(local.vfs) }
}

async function stop(local: LocalVfs): Promise<void> {
  for (const one of running) if (one.vfs === local.vfs) running.delete(one)
  await local.stop()
}

/** Every file below a directory, with its bytes. */
async function readAll(fs: FileSystem, directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const name of await fs.list(directory)) {
    const path = `${directory}/${name}`
    if ((await fs.stat(path)).kind === 'directory') {
      for (const [file, bytes] of await readAll(fs, path)) files.set(file, bytes)
    } else files.set(path, (await readFile(fs, path)).toString('latin1'))
  }
  return files
}

const isData = ({ path }: { path: string }): boolean => /\/files\/./.test(path)

describe('a second mount on the same cache', () => {
  it('reads without one request for bytes, and sees what has changed', async () => {
    const first = await start()
    const files = await readAll(first.fs, session)
    expect(files.size).toBeGreaterThan(20)
    await stop(first)
    await server.resetRequests()

    const second = await start()
    expect(await readAll(second.fs, session)).toEqual(files)
    expect((await server.requests()).filter(isData)).toEqual([])
    expect(second.lines.filter((line) => / (warn|error) /.test(line))).toEqual([])
  })
})

describe('a server that sends files whole only', () => {
  it('is asked once for a large file: the next mount has it, and a damaged byte of it is fetched anew', async () => {
    await server.stop()
    server = await Server.start(['--no-range'])
    const bytes = patternBytes(3 * 1024 * 1024 + 5)
    const url = '/data/experiments/XNAT_E00001/resources/NEW'
    expect((await server.rest('PUT', url)).status).toBeLessThan(300)
    expect((await server.rest('PUT', `${url}/files/large.bin?inbody=true`, bytes)).status).toBeLessThan(300)
    const path = `${session}/resources/NEW/large.bin`
    const first = await start()
    expect((await readFile(first.fs, path)).equals(bytes)).toBe(true)
    await stop(first)
    await server.resetRequests()

    const second = await start()
    expect((await readFile(second.fs, path)).equals(bytes)).toBe(true)
    expect((await server.requests()).filter(isData)).toEqual([])
    await stop(second)

    const [kept] = (await readdir(cacheDir, { recursive: true })).filter((name) =>
      /\/files\/..\/\w+$/.test(name),
    )
    const handle = await open(join(cacheDir, kept!), 'r+')
    await handle.write('damage', 2_000_000)
    await handle.close()
    const third = await start()
    expect((await readFile(third.fs, path)).equals(bytes)).toBe(true)
    expect((await server.requests()).filter(isData)).toHaveLength(1)
  })
})

describe('a server that does not answer', () => {
  /** Everything of the session is cached; then the server is gone. */
  async function cached(): Promise<{ access: Access; files: Map<string, string> }> {
    const local = await start()
    const files = await readAll(local.fs, session)
    await stop(local)
    const access = { url: server.url, user: server.user, password: server.password }
    await server.stop()
    return { access, files }
  }

  it('what is cached lists and reads, in a mount that has never reached it, and it is said once', async () => {
    const { access, files } = await cached()
    const local = await start(access)
    expect(await readAll(local.fs, session)).toEqual(files)
    expect(local.archive.staleListings).toBeGreaterThan(0)
    const complaints = local.lines.filter((line) => / (warn|error) /.test(line))
    expect(complaints).toEqual([expect.stringContaining('the server does not answer')])
  })

  it('what is not cached fails at once and says why, once it is known that the server is away', async () => {
    const first = await start()
    // Not listed: the rest of a directory of which one file is read after that is brought too.
    const [one, two] = ['1.dcm', '2.dcm']
    const bytes = await readFile(first.fs, `${session}/scans/1/DICOM/${one}`)
    await stop(first)
    const access = { url: server.url, user: server.user, password: server.password }
    await server.stop()

    const local = await start(access)
    expect(await readFile(local.fs, `${session}/scans/1/DICOM/${one}`)).toEqual(bytes)
    const begun = Date.now()
    const unread = await local.fs.open(`${session}/scans/1/DICOM/${two}`, 'r')
    await expect(unread.read(0, 10)).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    await unread.close()
    await expect(local.fs.list(`${session}/scans/2/DICOM`)).rejects.toMatchObject({ code: 'EIO' })
    expect(Date.now() - begun).toBeLessThan(2000)
  })

  it('another user is shown nothing of it', async () => {
    const { access } = await cached()
    const local = await start({ ...access, user: 'somebody-else' })
    await expect(local.fs.list('')).rejects.toMatchObject({ code: 'EIO' })
    await expect(local.fs.stat(session)).rejects.toMatchObject({ code: 'EIO' })
  })

  it('a running mount goes on with what it has seen, and notices when the server is back', async () => {
    const parameters = ['--port', String(server.port)]
    await server.stop()
    server = await Server.start(parameters)
    const local = await start(server, { listingTtl: 0 })
    const directory = `${session}/resources/QC`
    const files = await readAll(local.fs, directory)
    await server.stop()
    expect(await readAll(local.fs, directory)).toEqual(files)
    server = await Server.start(parameters)
    await expect
      .poll(
        async () => {
          await local.fs.list('')
          return local.archive.isReachable
        },
        { timeout: 15_000 },
      )
      .toBe(true)
    const shown = local.archive.staleListings
    expect(await readAll(local.fs, directory)).toEqual(files)
    expect(local.archive.staleListings).toBe(shown)
    expect(local.lines.filter((line) => line.includes('answers again'))).toHaveLength(1)
  })

  it('a refused password is an answer: nothing older is shown', async () => {
    const local = await start()
    await local.fs.list('')
    await stop(local)
    const refused = await start({ url: server.url, user: server.user, password: 'wrong' })
    await expect(refused.fs.list('')).rejects.toMatchObject({ code: 'EACCES' })
    expect(refused.archive.staleListings).toBe(0)
  })
})

describe('freshness', () => {
  it('bytes that were changed while no mount was there are read anew, and only those', async () => {
    const path = `${session}/resources/NEW/a.txt`
    const base = `/data/experiments/XNAT_E00001/resources/NEW`
    const first = await start()
    await first.fs.mkdir(`${session}/resources/NEW`)
    await stop(first)
    const put = async (text: string): Promise<void> => {
      const { status } = await server.rest('PUT', `${base}/files/a.txt?inbody=true&overwrite=true`, text)
      expect(status).toBeLessThan(300)
    }
    await put('what it was\n')
    const second = await start()
    expect((await readFile(second.fs, path)).toString()).toBe('what it was\n')
    await stop(second)
    await put('what it is!\n')
    const third = await start()
    expect((await readFile(third.fs, path)).toString()).toBe('what it is!\n')
  })

  it('what a mount has written is what the next one without a server shows', async () => {
    const first = await start()
    const resource = `${session}/resources/NEW`
    await first.fs.mkdir(resource)
    const file = await first.fs.open(`${resource}/a.txt`, 'w')
    await file.write(Buffer.from('mine'), 0)
    await file.close()
    expect((await readFile(first.fs, `${resource}/a.txt`)).toString()).toBe('mine')
    await first.fs.list('')
    await stop(first)
    const access = { url: server.url, user: server.user, password: server.password }
    await server.stop()
    const second = await start(access)
    expect(await second.fs.list(resource)).toEqual(['a.txt'])
  })
})

describe('changes while the server comes and goes', () => {
  const resource = `${session}/resources/NEW`
  const path = `${resource}/a.txt`
  const breakOff = { kind: 'drop', afterBytes: 0 } as const
  const goAway = (): Promise<void> => server.setFaults([{ method: 'GET', path: '/data/**', fault: breakOff }])
  const comeBack = (): Promise<void> => server.setFaults([])

  async function put(text: string): Promise<void> {
    const url = '/data/experiments/XNAT_E00001/resources/NEW/files/a.txt?inbody=true&overwrite=true'
    expect((await server.rest('PUT', url, text)).status).toBeLessThan(300)
  }

  async function write(fs: FileSystem, name: string, text: string): Promise<void> {
    const file = await fs.open(name, 'w')
    await file.write(Buffer.from(text), 0)
    await file.close()
  }

  /** A mount that shows `a.txt` as it was before the server went away; another client has changed it meanwhile. */
  async function outdated(): Promise<FileSystem> {
    const first = await start()
    await first.fs.mkdir(resource)
    await write(first.fs, path, 'what it was')
    expect((await readFile(first.fs, path)).toString()).toBe('what it was')
    await stop(first)
    const { fs } = await start()
    await goAway()
    expect((await readFile(fs, path)).toString()).toBe('what it was')
    await put('of another client')
    await comeBack()
    return fs
  }

  it.each([
    ['deleted', (fs: FileSystem) => fs.unlink(path)],
    ['renamed', (fs: FileSystem) => fs.rename(path, `${resource}/b.txt`)],
  ])('what was changed meanwhile is not %s on the word of an older listing', async (_, change) => {
    const fs = await outdated()
    await expect(change(fs)).rejects.toMatchObject({ code: 'ESTALE' })
    expect((await readFile(fs, path)).toString()).toBe('of another client')
    expect(await fs.list(resource)).toEqual(['a.txt'])
    await change(fs) // what it is now has been seen
    expect(await fs.list(resource)).not.toContain('a.txt')
  })

  it('what waits in the journal waits on, and is sent when the server answers', async () => {
    const journal = join(cacheDir, 'journal')
    await mkdir(journal)
    const first = await start(server, {}, journal)
    await first.fs.mkdir(resource)
    await write(first.fs, path, 'stored')
    expect((await readFile(first.fs, path)).toString()).toBe('stored')
    await server.setFaults([{ method: 'PUT', path: '/data/**', fault: { kind: 'status', status: 500 } }])
    await expect(write(first.fs, path, 'not stored')).rejects.toMatchObject({ code: 'EIO' })
    await stop(first)
    await abandonJournals(journal)
    await goAway()
    const second = await start(server, {}, journal)
    expect(second.lines).toContainEqual(
      expect.stringMatching(/a\.txt of an earlier mount cannot be sent now/),
    )
    expect((await readFile(second.fs, path)).toString()).toBe('stored')
    await stop(second)
    await abandonJournals(journal)
    await comeBack()
    const third = await start(server, {}, journal)
    expect((await readFile(third.fs, path)).toString()).toBe('not stored')
    await stop(third)
    const url = '/data/experiments/XNAT_E00001/resources/NEW/files/a.txt'
    expect((await server.rest('GET', url)).body.toString()).toBe('not stored')
  })
})
