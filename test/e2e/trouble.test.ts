import { createServer } from 'node:http'
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { md5OfFile } from '../support/digests.js'
import { Mount } from '../support/mount.js'
import { ownDirectories } from '../support/own-directories.js'
import { end, xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

const scans = 'TEST/1/MR1/scans'
const filesOfScan1 = '/data/experiments/*/scans/1/resources/*/files/**'

describe('a mount that cannot begin', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-begin-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const mount = (url: string, env: Record<string, string> = {}): ReturnType<typeof xnatfs> =>
    xnatfs(['mount', join(folder, 'xnat'), '--url', url], {
      env: {
        ...ownDirectories(folder),
        XNAT_USER: 'admin',
        XNAT_PASS: 'not-the-password',
        ...env,
      },
    })

  it('says that the password is wrong, after one attempt, and does not repeat it', async () => {
    const server = await Server.start()
    try {
      const { code, stderr } = await mount(server.url)
      expect(code).toBe(3)
      expect(stderr).toMatch(/refused user 'admin'.*check user and password/)
      expect(stderr).not.toContain('not-the-password')
      const attempts = await server.requests()
      expect(attempts.map(({ status }) => status)).toEqual([401])
    } finally {
      await server.stop()
    }
  })

  it('sends the log-in of the environment to no server but XNAT_HOST, and says so', async () => {
    const server = await Server.start()
    try {
      const { code, stderr } = await mount(server.url, { XNAT_HOST: 'https://home.example.org' })
      expect(code).toBe(3)
      expect(stderr).toMatch(
        /XNAT_USER and XNAT_PASS are for https:\/\/home\.example\.org .* not used for http/,
      )
      expect(stderr).toMatch(/asks for a log-in; give --user/)
      expect((await server.requests()).map(({ path, user }) => [path, user])).toEqual([
        ['/xapi/users/username', expect.not.stringContaining('admin')],
      ])
    } finally {
      await server.stop()
    }
  })

  it('says that the host is not known', async () => {
    const { code, stderr } = await mount('https://xnat.invalid')
    expect([code, stderr]).toEqual([4, expect.stringMatching(/xnat\.invalid.*host name is not known/)])
  })

  it('says that nothing listens', async () => {
    const { code, stderr } = await mount('http://127.0.0.1:9')
    expect([code, stderr]).toEqual([4, expect.stringMatching(/cannot connect \(ECONNREFUSED\)/)])
  })

  it('says that it is no XNAT', async () => {
    const other = createServer((_, response) => response.end('<html><title>Hello</title></html>'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    try {
      const { code, stderr } = await mount(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)
      expect([code, stderr]).toEqual([5, expect.stringMatching(/no XNAT answers here.*check the URL/)])
    } finally {
      other.close()
    }
  })

  it('says that a server is needed, and what a URL looks like', async () => {
    expect(await mount('', { XNAT_HOST: '' })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^xnatfs: server: none is named; give --url/),
    })
    expect(await mount('ftp://host')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/https or http/),
    })
  })

  it('says that a log-in is needed where guests are not let in', async () => {
    const server = await Server.start()
    try {
      const { code, stderr } = await mount(server.url, { XNAT_USER: '', XNAT_PASS: '' })
      expect([code, stderr]).toEqual([3, expect.stringMatching(/asks for a log-in; give --user/)])
    } finally {
      await server.stop()
    }
  })
})

describe('trouble while mounted', () => {
  let folder: string
  let server: Server
  let mount: Mount
  const expected: RegExp[] = []
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-archive-'))
    server = await Server.start(['--state', folder])
    mount = await Mount.start(server)
    expected.length = 0
  })
  afterEach(async () => {
    try {
      await mount.stop(expected)
    } finally {
      await server.stop()
      await rm(folder, { recursive: true })
    }
  })
  const at = (path: string): string => join(mount.path, path)
  /** The log has exactly these complaints, one line each. */
  const expectComplaints = async (...patterns: RegExp[]): Promise<void> => {
    expected.push(...patterns)
    const complaints = await mount.complaints()
    expect(complaints).toEqual(patterns.map((pattern) => expect.stringMatching(pattern)))
  }

  it('a server that dies in mid-read is EIO and one line; the mount goes on and recovers', async () => {
    await server.setFaults([
      { path: '**/resources/*/files/*.dcm', fault: { kind: 'stall', afterBytes: 2000 } },
    ])
    const reading = readFile(at(`${scans}/1/DICOM/1.dcm`)).catch((error: unknown) => error)
    await waitForRequest(server, '/files/1.dcm')
    const { port } = server
    await end(server.process, 'SIGKILL')
    expect(await reading).toMatchObject({ code: 'EIO' })
    expect(await readdir(at(scans))).toEqual(['1', '2', '3', '4'])
    await expect(readFile(at(`${scans}/1/DICOM/2.dcm`))).rejects.toMatchObject({ code: 'EIO' })
    server = await Server.start(['--state', folder, '--port', String(port)])
    const stored = join(folder, 'archive/TEST/arc001/MR1/SCANS/1/DICOM/1.dcm')
    expect(await readFile(at(`${scans}/1/DICOM/1.dcm`))).toEqual(await readFile(stored))
    await expectComplaints(
      /error read: EIO read 1\.dcm: .*cannot connect/,
      /error read: EIO read 2\.dcm: .*cannot connect/,
    )
  })

  it('a 500 in mid-write is the EIO of close(); the bytes are kept and sent when the server is well', async () => {
    await server.setFaults([{ method: 'PUT', path: '**/files/**', fault: { kind: 'status', status: 500 } }])
    await expect(writeFile(at('TEST/1/MR1/resources/QC/new.txt'), 'precious')).rejects.toMatchObject({
      code: 'EIO',
    })
    expect(await readFile(at('TEST/1/MR1/resources/QC/new.txt'), 'utf8')).toBe('precious')
    await server.setFaults([])
    const { code, stdout } = await mount.xnatfs(['umount', mount.path])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/everything is on the server/)])
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files/new.txt'
    expect((await server.rest('GET', uri)).body.toString()).toBe('precious')
  })

  it('what can never be sent is kept on this machine, and said', async () => {
    await server.setFaults([{ method: 'PUT', path: '**/files/**', fault: { kind: 'status', status: 500 } }])
    await expect(writeFile(at('TEST/1/MR1/resources/QC/new.txt'), 'precious')).rejects.toMatchObject({
      code: 'EIO',
    })
    const { code, stdout } = await mount.xnatfs(['umount', mount.path])
    expect(code).toBe(1)
    expect(stdout).toMatch(/new\.txt \(8 bytes\): .*500/)
    const exported = join(mount.directory, 'exported')
    expect((await mount.xnatfs(['pending', 'export', exported])).code).toBe(0)
    expect(await readFile(join(exported, 'TEST/1/MR1/resources/QC/new.txt'), 'utf8')).toBe('precious')
  })

  it('a file that shrank on the server is ESTALE and one line, and then what it is now', async () => {
    const file = at(`${scans}/1/DICOM/3.dcm`)
    const before = await stat(file)
    const stored = join(folder, 'archive/TEST/arc001/MR1/SCANS/1/DICOM/3.dcm')
    await truncate(stored, 5000)
    await expect(readFile(file)).rejects.toMatchObject({ errno: -constants.errno.ESTALE })
    expect(before.size).toBeGreaterThan(5000)
    expect(await readFile(file)).toEqual(await readFile(stored))
    expect((await stat(file)).size).toBe(5000)
    await expectComplaints(
      /warn read: ESTALE read 3\.dcm: it has 5000 bytes on the server, not 95\d\d as listed/,
    )
  })

  it('a file that grew on the server is never cut at its old size', async () => {
    const file = at(`${scans}/1/DICOM/4.dcm`)
    await stat(file)
    const stored = join(folder, 'archive/TEST/arc001/MR1/SCANS/1/DICOM/4.dcm')
    await writeFile(stored, Buffer.concat([await readFile(stored), Buffer.alloc(7777, 7)]))
    await expect(readFile(file)).rejects.toMatchObject({ errno: -constants.errno.ESTALE })
    expect(await readFile(file)).toEqual(await readFile(stored))
    await expectComplaints(/warn read: ESTALE read 4\.dcm/)
  })

  it('a file that grew from nothing is read and appended to as it is, though its catalog calls it empty', async () => {
    const nested = 'scans/1-MR1/NESTED/empty.dat'
    const file = at(`ODD/subject with blanks/session with blanks/${nested}`)
    expect((await stat(file)).size).toBe(0)
    const stored = join(folder, 'archive/ODD/arc001/session with blanks/SCANS/1-MR1/NESTED/empty.dat')
    await writeFile(stored, 'a line\n')
    expect(await readFile(file, 'utf8')).toBe('a line\n')
    await appendFile(file, 'another\n')
    expect(await readFile(stored, 'utf8')).toBe('a line\nanother\n')
    await expectComplaints()
  })

  it('a file that grew from nothing is appended to by who has not read it', async () => {
    const file = at('ODD/subject with blanks/session with blanks/scans/1-MR1/NESTED/empty.dat')
    const stored = join(folder, 'archive/ODD/arc001/session with blanks/SCANS/1-MR1/NESTED/empty.dat')
    await writeFile(stored, 'a line\n')
    await appendFile(file, 'another\n')
    expect(await readFile(stored, 'utf8')).toBe('a line\nanother\n')
    await expectComplaints()
  })

  it('a file that is empty is asked for once', async () => {
    const file = at('ODD/subject with blanks/session with blanks/scans/1-MR1/NESTED/empty.dat')
    await server.resetRequests()
    for (let time = 0; time < 3; time++) expect(await readFile(file, 'utf8')).toBe('')
    const asked = (await server.requests()).filter(({ path }) => path.endsWith('/empty.dat'))
    expect(asked).toHaveLength(1)
  })

  it('a listing that is a log-in page is EACCES and one line, and not an empty directory', async () => {
    await server.setFaults([{ path: '**/subjects?**', fault: { kind: 'login-page' } }])
    await expect(readdir(at('TEST'))).rejects.toMatchObject({ code: 'EACCES' })
    await expect(stat(at('TEST/1'))).rejects.toMatchObject({ code: 'EACCES' })
    await server.setFaults([])
    expect(await readdir(at('TEST'))).toContain('1')
    await expectComplaints(/warn .*: EACCES .*(session|log-in)/, /warn .*: EACCES .*(session|log-in)/)
  })

  it('a listing that fails is EIO, and a name is not taken for absent', async () => {
    await server.setFaults([{ path: '**/scans?**', fault: { kind: 'status', status: 500 } }])
    await expect(stat(at(`${scans}/1/DICOM`))).rejects.toMatchObject({ code: 'EIO' })
    await server.setFaults([])
    expect((await stat(at(`${scans}/1/DICOM`))).isDirectory()).toBe(true)
    await expectComplaints(/error lookup: EIO .*500/)
  })

  it.each([
    ['a listing that breaks off', { path: '**/scans?**', times: 1, fault: { kind: 'drop', afterBytes: 50 } }],
    [
      'a listing that is cut short',
      { path: '**/scans?**', times: 1, fault: { kind: 'truncate', afterBytes: 50 } },
    ],
    [
      'a transfer that breaks off',
      { path: filesOfScan1, times: 2, fault: { kind: 'drop', afterBytes: 3000 } },
    ],
    [
      'a transfer that is cut short',
      { path: filesOfScan1, times: 2, fault: { kind: 'truncate', afterBytes: 3000 } },
    ],
    ['a damaged byte', { path: filesOfScan1, times: 1, fault: { kind: 'corrupt', atByte: 4321 } }],
    ['an overloaded server', { path: '**', times: 2, fault: { kind: 'status', status: 503 } }],
    ['an expired session', { path: filesOfScan1, times: 1, fault: { kind: 'status', status: 401 } }],
    ['a log-in page in place of a file', { path: filesOfScan1, times: 1, fault: { kind: 'login-page' } }],
  ] as const)('%s is made good without a word to the reader', async (_, fault) => {
    await server.setFaults([fault])
    for (const name of ['1.dcm', '2.dcm', '3.dcm', '4.dcm']) {
      const stored = join(folder, 'archive/TEST/arc001/MR1/SCANS/1/DICOM', name)
      expect(await md5OfFile(at(`${scans}/1/DICOM/${name}`))).toBe(await md5OfFile(stored))
    }
    await expectComplaints()
  })

  it('sessions that expire are renewed once for all requests', async () => {
    await readdir(at(scans))
    await server.expireSessions()
    await server.resetRequests()
    await Promise.all(['1', '2', '3', '4'].map(async (scan) => md5OfFile(at(`${scans}/${scan}/DICOM/1.dcm`))))
    const logins = (await server.requests()).filter(
      ({ method, path }) => method === 'POST' && path === '/data/JSESSION',
    )
    expect(logins).toHaveLength(1)
    await expectComplaints()
  })

  it('a user who may only read gets EACCES from close(), because XNAT stores nothing and says 200', async () => {
    await mount.stop()
    mount = await Mount.start(server, {
      user: { name: server.readOnlyUser, password: server.readOnlyPassword },
    })
    expect((await readFile(at(`${scans}/1/DICOM/1.dcm`))).length).toBeGreaterThan(0)
    await expect(writeFile(at('TEST/1/MR1/resources/QC/new.txt'), 'x')).rejects.toMatchObject({
      code: 'EACCES',
    })
    await expectComplaints(/warn flush: EACCES store new\.txt: .*may not edit here/)
    expected.push(/not on the server/, /unmounted, but 1 files/)
  })
})

describe('labels that no file name can carry', () => {
  let folder: string
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-labels-'))
    const file = { name: 'a.txt', local: 'a.txt', size: 5, md5: '5d41402abc4b2a76b9719d911017c592' }
    const experiment = (label: string): object => ({
      label,
      xsiType: 'xnat:mrSessionData',
      resources: [{ label: 'notes', format: 'TEXT', content: 'notes', files: [file] }],
      scans: [],
    })
    const manifest = {
      set: 'labels',
      projects: [
        {
          ID: 'LABELS',
          resources: [],
          subjects: [
            'with/slash',
            'new\nline',
            '..',
            'plain',
            'x'.repeat(300),
            'resources',
            'amp&<lt',
            'a%2Fb',
            ' ',
          ].map((label, i) => ({
            label,
            experiments: [experiment(`E${i}`)],
          })),
        },
      ],
    }
    await writeFile(join(folder, 'labels.json'), JSON.stringify(manifest))
    await mkdir(join(folder, 'labels'))
    await writeFile(join(folder, 'labels', 'a.txt'), 'hello')
    server = await Server.start(['--data', join(folder, 'labels.json')])
    mount = await Mount.start(server)
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
    await rm(folder, { recursive: true })
  })

  it('are shown escaped, and what is in them can be read', async () => {
    const names = await readdir(join(mount.path, 'LABELS'))
    expect(names).toEqual(
      expect.arrayContaining(['with%2Fslash', 'new%0Aline', '%2E%2E', 'plain', 'amp&<lt', 'a%252Fb', ' ']),
    )
    expect(names).toHaveLength(9)
    for (const name of names) {
      const [session] = await readdir(join(mount.path, 'LABELS', name))
      expect(
        await readFile(join(mount.path, 'LABELS', name, session!, 'resources/notes/a.txt'), 'utf8'),
      ).toBe('hello')
    }
  })

  it('resolve under the raw label too where a path can have it', async () => {
    expect(await readdir(join(mount.path, 'LABELS', 'new\nline'))).toEqual(['E1'])
  })
})

async function waitForRequest(server: Server, part: string): Promise<void> {
  await expect.poll(async () => (await server.requests()).some(({ path }) => path.includes(part))).toBe(true)
}
