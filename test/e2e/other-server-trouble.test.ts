import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { md5 } from '../support/byte-source.js'
import { codeOf } from '../support/errors.js'
import { Mount } from '../support/mount.js'
import { OtherServer } from '../support/other-server.js'
import type { OtherFault, OtherFile, OtherServerOptions } from '../support/other-server.js'
import { ownDirectories } from '../support/own-directories.js'
import { xnatfs } from '../support/processes.js'

const session = 'ALPHA/S1/MR1'

describe('the beginning of a mount on another server', () => {
  let folder: string
  let server: OtherServer
  beforeAll(async () => {
    server = await OtherServer.start({ context: '/xnat' })
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-begin-'))
  })
  beforeEach(() => server.resetRequests())
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })
  const mount = (url: string, user: string, password: string): ReturnType<typeof xnatfs> =>
    xnatfs(['mount', join(folder, 'xnat'), '--url', url], {
      env: {
        ...ownDirectories(folder),
        XNAT_USER: user,
        XNAT_PASS: password,
      },
    })

  it('is refused with a wrong password after one attempt', async () => {
    const { code, stderr } = await mount(server.url, 'mia', 'wrong')
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/refused user '.*Bad credentials.*check user and password/),
    ])
    expect((await server.requests()).map(({ status }) => status)).toEqual([401])
    await expect(stat(join(folder, 'xnat'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.each(['302', '200'] as const)('is refused to guests where they get %s', async (expired) => {
    await server.setOptions({ expired })
    const { code, stderr } = await mount(server.url, '', '')
    expect([code, stderr]).toEqual([3, expect.stringMatching(/asks for a log-in/)])
  })

  it('fails where the context path is missing', async () => {
    const { code, stderr } = await mount(new URL(server.url).origin, 'mia', 'x')
    expect([code, stderr]).toEqual([5, expect.stringMatching(/no XNAT answers here/)])
  })

  it('fails while the server is down for maintenance', async () => {
    await server.setFaults({ match: '.', times: 99, kind: 'maintenance' })
    const { code, stderr } = await mount(server.url, server.user, server.password)
    expect([code, stderr]).toEqual([4, expect.stringMatching(/XNAT is starting up/)])
  })
})

/** A server, a mount of it, and what goes on there, for the tests of one `describe`. */
function setUpScene(options: OtherServerOptions): Scene {
  const scene = new Scene()
  beforeAll(async () => {
    scene.server = await OtherServer.start(options)
    scene.mount = await Mount.start(scene.server)
    await mkdir(scene.at(`${session}/resources/OUT`))
  })
  afterEach(async () => {
    const left = await scene.server.faultsLeft()
    await scene.server.setFaults()
    if (left.length > 0) throw new Error(`it did not come to ${JSON.stringify(left)}`)
  })
  afterAll(async () => {
    try {
      await scene.mount.stop(scene.complaints)
    } finally {
      await scene.server.stop()
    }
  })
  return scene
}

class Scene {
  server!: OtherServer
  mount!: Mount
  /** What the log may say because of what the tests have done. */
  readonly complaints: RegExp[] = []
  #number = 0

  /** Never the same twice. */
  count(): number {
    return ++this.#number
  }

  at(path: string): string {
    return join(this.mount.path, path)
  }

  newFile(): { name: string; path: string } {
    const name = `file${this.count()}-.txt`
    return { name, path: this.at(`${session}/resources/OUT/${name}`) }
  }

  async stored(label: string, path: string): Promise<OtherFile | undefined> {
    return (await this.server.files()).find((file) => file.label === label && file.path === path)
  }
}

const digest = (text: string): string => md5(Buffer.from(text))

describe.each([
  ['another server', {}],
  ['another server without digests', { checksums: false }],
])('trouble on %s', (_, options) => {
  const scene = setUpScene(options)

  it('a file that shrank, grew, or was changed behind the catalog is whole, of one time, or an error', async () => {
    const { name, path } = scene.newFile()
    let before = 'a'.repeat(2_000_000)
    const { resource } = (await scene.server.files()).find(({ label }) => label === 'DEFAULTNS')!
    const changed = path.replace('OUT', 'DEFAULTNS')
    await scene.server.change({ resource, path: name, action: 'write', text: before, catalog: true })
    await scene.mount.refresh()
    scene.complaints.push(new RegExp(`(ESTALE|EIO) read ${name}|read ${name}: its digest`))
    for (const text of ['b'.repeat(1_500_000), 'c'.repeat(2_500_000), 'd'.repeat(2_500_000)]) {
      const handle = await open(changed)
      try {
        await handle.read(Buffer.alloc(10), 0, 10, 0)
        await scene.server.change({ resource, path: name, action: 'write', text, later: scene.count() })
        const began = Date.now()
        const outcome = await readToEnd(handle).catch(() => '')
        expect(['', before].includes(outcome)).toBe(true)
        if (before.startsWith('a')) expect(outcome).toBe('') // nobody has read it yet
        expect(Date.now() - began).toBeLessThan(2500) // the server would stall beyond its end
      } finally {
        await handle.close()
      }
      await scene.mount.refresh()
      const now = (await readFile(changed, 'utf8').catch(() => '')) || (await readFile(changed, 'utf8'))
      expect(now === text).toBe(true)
      expect((await stat(changed)).size).toBe(text.length)
      before = text
    }
  })

  it('an upload whose receipt says 500 though it was stored is not an error', async () => {
    const { name, path } = scene.newFile()
    await scene.server.setFaults({ match: `PUT .*${name}`, kind: 'lie' })
    await writeFile(path, 'stored all the same')
    expect((await scene.stored('OUT', name))?.md5).toBe(digest('stored all the same'))
    await scene.server.setFaults({ match: `PUT .*${name}`, kind: 'lie' })
    await writeFile(path, 'overwritten all the same')
    expect((await scene.stored('OUT', name))?.md5).toBe(digest('overwritten all the same'))
  })
})

describe('trouble with another server and its other clients', () => {
  const scene = setUpScene({})

  it.each<[string, OtherFault]>([
    ['a listing that breaks off', { match: 'GET .*/resources/\\d+$', kind: 'cut', afterBytes: 300 }],
    ['a listing that lacks its end', { match: 'GET .*/resources/\\d+$', kind: 'short', afterBytes: 300 }],
    ['a table that lacks its end', { match: 'GET .*/scans\\?', kind: 'short', afterBytes: 40 }],
    ['a server that hangs up', { match: 'GET', times: 2, kind: 'hang-up' }],
    ['a server that is restarted', { match: 'GET', times: 2, kind: 'maintenance' }],
    ['a file that breaks off', { match: 'GET .*/files/1.dcm', kind: 'cut', afterBytes: 1000 }],
    ['a log-in page in place of a file', { match: 'GET .*/files/1.dcm', kind: 'login' }],
    ['a log-in page in place of a table', { match: 'GET .*/scans\\?', kind: 'login' }],
  ])('%s is made good without a word', async (_title, fault) => {
    await scene.server.setFaults(fault)
    await scene.mount.refresh() // after that: what is listed ahead may meet the fault
    const bytes = await readFile(scene.at(`${session}/scans/1/DICOM/1.dcm`))
    const wanted = (await scene.server.files()).find((file) => file.md5 === md5(bytes))
    expect(wanted?.path).toBe('1.dcm')
    // Another file the next time: what is in the mount's cache is not asked for.
    await scene.server.change({
      resource: wanted!.resource,
      path: '1.dcm',
      action: 'write',
      text: `new ${scene.count()}`.repeat(500),
      catalog: true,
      later: scene.count(),
    })
  })

  it.each<[string, Omit<OtherFault, 'match'>, string]>([
    ['fails again and again', { kind: 'status', status: 500, times: 2 }, 'EIO'],
    ['is silently dropped', { kind: 'nothing' }, 'EIO'],
    ['is stored under another name', { kind: 'rename-upload', suffix: '.1' }, 'EIO'],
    ['is answered by a page of a proxy', { kind: 'html' }, 'EIO'],
    ['is too large for a proxy', { kind: 'status', status: 413 }, 'EFBIG'],
    ['is forbidden', { kind: 'status', status: 403 }, 'EACCES'],
  ])(
    'an upload that %s is an error of close(), and is sent at the next chance',
    async (_title, fault, code) => {
      const { name, path } = scene.newFile()
      scene.complaints.push(new RegExp(`flush: .* (store|stored) ${name}`))
      await scene.server.setFaults({ match: `PUT .*${name}`, ...fault })
      expect(await codeOf(writeFile(path, 'precious'))).toBe(code)
      await scene.server.setFaults()
      expect(await readFile(path, 'utf8')).toBe('precious')
      const handle = await open(path, 'r+')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
      expect((await scene.stored('OUT', name))?.md5).toBe(digest('precious'))
    },
  )

  it.each<[string, OtherFault, string]>([
    ['a page of a proxy', { match: 'GET .*/subjects\\?', times: 9, kind: 'html' }, 'EIO'],
    ['an error', { match: 'GET .*/subjects\\?', times: 9, kind: 'status', status: 500 }, 'EIO'],
    ['a log-in page for ever', { match: 'GET .*/subjects\\?', times: 2, kind: 'login' }, 'EACCES'],
  ])('%s in place of a listing is no empty directory', async (_title, fault, code) => {
    await scene.mount.refresh()
    await scene.server.setFaults(fault)
    scene.complaints.push(/(readdir|opendir|lookup|getattr).*(EIO|EACCES) (list|look)/)
    expect(await codeOf(readdir(scene.at('beta.2')))).toBe(code)
    await scene.server.setFaults()
    expect((await readdir(scene.at('beta.2'))).length).toBeGreaterThan(5)
  })

  it.each<[string, Omit<OtherFault, 'match'>]>([
    ['is cut', { kind: 'cut-upload' }],
    ['meets a server that hangs up', { kind: 'hang-up' }],
    ['meets an overloaded server', { kind: 'maintenance', times: 2 }],
    ['meets an error once', { kind: 'status', status: 500 }],
    [
      'meets another writer',
      { kind: 'status', status: 500, sentence: 'Another thread or process modified x', times: 3 },
    ],
    ['meets a log-in page', { kind: 'login' }],
    ['meets the end of the session', { kind: 'status', status: 401 }],
  ])('an upload that %s is sent again', async (_title, fault) => {
    const { name, path } = scene.newFile()
    await scene.server.setFaults({ match: `PUT .*${name}`, ...fault })
    await writeFile(path, 'x'.repeat(300_000))
    expect((await scene.stored('OUT', name))?.md5).toBe(digest('x'.repeat(300_000)))
  })

  it('an upload that is damaged is an error of close(), and its bytes are kept', async () => {
    const { name, path } = scene.newFile()
    scene.complaints.push(
      new RegExp(`(flush|fsync) .*store ${name}`),
      new RegExp(`OUT/${name} is not on`),
      /but 1 files are not/,
    )
    await scene.server.setFaults({ match: `PUT .*${name}`, kind: 'flip-upload' })
    expect(await codeOf(writeFile(path, 'precious'))).toBe('EIO')
    expect(await readFile(path, 'utf8')).toBe('precious')
  })

  it('a deletion that the server only says it has done is an error', async () => {
    const { name, path } = scene.newFile()
    await writeFile(path, 'stays')
    await scene.server.setFaults({ match: `DELETE .*${name}`, kind: 'nothing' })
    scene.complaints.push(/unlink: EIO/)
    expect(await codeOf(rm(path))).toBe('EIO')
    expect(await readFile(path, 'utf8')).toBe('stays')
  })

  it('two mounts that write into one resource at once both have it', async () => {
    const other = await Mount.start(scene.server)
    try {
      const names = [1, 2, 3, 4].map(() => scene.newFile().name)
      await Promise.all(
        names.map((name, i) =>
          writeFile(
            join((i % 2 ? scene.mount : other).path, session, 'resources/OUT', name),
            name.repeat(1000),
          ),
        ),
      )
      for (const name of names) expect((await scene.stored('OUT', name))?.md5).toBe(digest(name.repeat(1000)))
    } finally {
      await other.stop()
    }
  })

  it('what another client does meanwhile is neither overwritten nor lost', async () => {
    const { name, path } = scene.newFile()
    await writeFile(path, 'first')
    const handle = await open(path, 'r+')
    scene.complaints.push(new RegExp(`ESTALE.*${name}|EEXIST`))
    const { resource } = (await scene.stored('OUT', name))!
    try {
      await scene.server.change({
        resource,
        path: name,
        action: 'write',
        text: 'theirs',
        catalog: true,
        later: scene.count(),
      })
      await handle.write('ours!')
    } finally {
      expect(await codeOf(handle.close())).toBe('ESTALE')
    }
    expect((await scene.stored('OUT', name))?.md5).toBe(digest('theirs'))
    await rm(path)
    expect((await scene.stored('OUT', name))?.md5).toBe(digest('theirs'))
  })

  it('a file of an import that no URL names alone is read, and neither overwritten nor removed', async () => {
    const path = scene.at('ALPHA/resources/odd/a#b.txt')
    scene.complaints.push(/EBUSY .*no URL names 'a#b\.txt' alone/)
    const before = await scene.server.files()
    expect(await codeOf(rm(path))).toBe('EBUSY')
    expect(await codeOf(rename(path, scene.at('ALPHA/resources/odd/new.txt')))).toBe('EBUSY')
    expect(await codeOf(writeFile(path, 'x'))).toBe('EBUSY')
    expect(await scene.server.files()).toEqual(before)
  })

  it('a resource that another client has made is EEXIST, and is there', async () => {
    const id = await scene.server.idOf('experiments', 'MR1')
    await readdir(scene.at(`${session}/resources`))
    expect((await scene.server.rest('PUT', `/data/experiments/${id}/resources/THEIRS`)).status).toBe(200)
    expect(await codeOf(mkdir(scene.at(`${session}/resources/THEIRS`)))).toBe('EEXIST')
    scene.complaints.push(/mkdir.*THEIRS/)
    await scene.mount.refresh()
    expect(await readdir(scene.at(`${session}/resources/THEIRS`))).toEqual([])
    await rmdir(scene.at(`${session}/resources/THEIRS`))
  })
})

describe('a user who may only read', () => {
  it('reads everything and changes nothing', async () => {
    const server = await OtherServer.start()
    try {
      const mount = await Mount.start(server, { user: server.reader })
      try {
        const at = (path: string): string => join(mount.path, session, path)
        const before = await server.files()
        expect((await readFile(at('scans/1/NIFTI/small.json'), 'utf8')).length).toBe(9)
        expect(await codeOf(writeFile(at('resources/DEFAULTNS/new.txt'), 'x'))).toBe('EACCES')
        expect(await codeOf(writeFile(at('resources/DEFAULTNS/a.bin'), 'x'))).toBe('EACCES')
        expect(await codeOf(rm(at('resources/TWIN/twin1.txt')))).toBe('EACCES')
        expect(await codeOf(mkdir(at('resources/NEW')))).toBe('EACCES')
        expect(await codeOf(rmdir(at('resources/VOID')))).toBe('EACCES')
        expect(await server.files()).toEqual(before)
        expect(await codeOf(stat(join(mount.path, 'SECRET')))).toBe('ENOENT')
      } finally {
        await mount.stop([/EACCES|not on the server|unmounted, but/])
      }
    } finally {
      await server.stop()
    }
  })
})

/** As cat does. Node's own readFile takes a short read for the end, and never meets the error behind it. */
async function readToEnd(handle: FileHandle): Promise<string> {
  let text = ''
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(65_536), 0, 65_536, text.length)
    if (bytesRead === 0) return text
    text += buffer.toString('latin1', 0, bytesRead)
  }
}
