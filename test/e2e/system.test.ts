import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { Mount } from '../support/mount.js'
import { ownDirectories } from '../support/own-directories.js'
import { end, inOwnMounts, program, repository, run } from '../support/processes.js'
import { readmeText } from '../support/readme.js'
import { Server } from '../support/server.js'

/** docs/semantics.md, 10. */
describe('living with the system', () => {
  let server: Server
  let folder: string
  let path: string
  let env: Record<string, string>
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-system-'))
    path = join(folder, 'xnat')
    env = {
      ...ownDirectories(folder),
      XNAT_HOST: server.url,
      XNAT_USER: server.user,
      XNAT_PASS: server.password,
    }
  })
  afterEach(async () => {
    if (await mountAt(path)) await run(process.execPath, [program, 'umount', path], { env })
    if (await mountAt(path)) await unmount(path, { lazy: true })
    await rm(folder, { recursive: true })
  })
  const mount = (...parameters: string[]): ReturnType<typeof run> =>
    run(process.execPath, [program, 'mount', ...parameters], { env })

  it('SIGTERM sends for so long as it may, says what is left, and the next mount sends that', async () => {
    const one = await Mount.start(server, {
      flags: ['--stop-timeout', '0.5', '--write-mode', 'back', '--write-back-delay', '3600'],
    })
    try {
      const file = 'TEST/1/MR1/resources/QC/late.txt'
      await writeFile(join(one.path, file), 'late')
      await server.setFaults([
        { method: 'PUT', path: '**/files/late.txt**', fault: { kind: 'delay', ms: 3600_000 } },
      ])
      process.kill(await one.pid(), 'SIGTERM')
      await expect.poll(() => mountAt(one.path), { timeout: 20_000 }).toBeUndefined()
      await expect
        .poll(async () => (await one.log()).join('\n'), { timeout: 20_000 })
        .toMatch(/1 file could not be sent in 0\.5 s[^]*but 1 files are not on the server.*late\.txt/)
      await server.setFaults([])
      await expect
        .poll(async () => (await one.xnatfs(['pending', 'list'])).stdout)
        .toMatch(/its mount has ended/)
      await one.again()
      await one.xnatfs(['flush', one.path])
      const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files/late.txt'
      expect((await server.rest('GET', uri)).body.toString()).toBe('late')
    } finally {
      await server.setFaults([])
      await one.stop([/./])
    }
  })

  it.each([
    ['projects/TEST', ['1', 'resources'], '1/MR1/scans'],
    [
      'projects/TEST/subjects/1/experiments/MR1',
      ['assessors', 'reconstructions', 'resources', 'scans'],
      'scans',
    ],
    ['projects/TEST/experiments/MR1', ['assessors', 'reconstructions', 'resources', 'scans'], 'scans'],
  ])('mounts %s alone, read-only', async (part, listed, scans) => {
    const { code, stdout, stderr } = await mount(`${server.url}/data/${part}`, path)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`${part} of ${server.url}, read-only, is mounted`)
    expect(await readdir(path)).toEqual(expect.arrayContaining(listed))
    expect(await readdir(path)).not.toContain('ODD')
    const dicom = await readFile(join(path, scans, '1/DICOM/1.dcm'))
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files/1.dcm'
    expect(dicom.equals((await server.rest('GET', uri)).body)).toBe(true)
    await expect(writeFile(join(path, 'x'), 'x')).rejects.toMatchObject({ code: 'EROFS' })
    expect((await mountAt(path))?.source).toBe(`${server.url}/data/${part}`)
    const refreshed = await run(process.execPath, [program, 'refresh', join(path, scans)], { env })
    expect(refreshed.code).toBe(0)
    expect(await readdir(join(path, scans))).toContain('1')
  })

  it('says what is not there to be mounted', async () => {
    expect(await mount(`${server.url}/data/projects/ABSENT`, path)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/has no directory projects\/ABSENT for admin: .*there is no 'ABSENT'/),
    })
    expect(await mountAt(path)).toBeUndefined()
    expect(await mount('a', 'b', 'c')).toMatchObject({ code: 2 })
  })

  it('shows the owner and the rights that it is told', async () => {
    const options = 'uid=1234,gid=4321,umask=077'
    expect(await mount('-o', options, path)).toMatchObject({ code: 0, stderr: '' })
    const { uid, gid, mode } = await stat(join(path, 'TEST'))
    expect([uid, gid, (mode & 0o777).toString(8)]).toEqual([1234, 4321, '700'])
    const file = await stat(join(path, 'TEST/1/MR1/scans/1/DICOM/1.dcm'))
    expect([file.uid, file.mode & 0o077]).toEqual([1234, 0])
  })

  it.each(['uid=me', 'umask=9', 'frobnicate', 'listing_ttl=soon'])('refuses -o %s', async (options) => {
    expect(await mount('-o', options, path)).toMatchObject({ code: 2 })
  })

  const helper = join(repository, 'dist/cli/mount-helper.js')

  it('mounts for mount(8) as a line of /etc/fstab says', async () => {
    const options = 'rw,noauto,user,_netdev,ro,listing_ttl=5,x-systemd.automount'
    const mounted = await run(helper, [server.url, path, '-n', '-o', options], { env })
    expect([mounted.code, mounted.stderr]).toEqual([0, ''])
    expect(await readdir(path)).toContain('TEST')
    await expect(writeFile(join(path, 'TEST/resources/x'), 'x')).rejects.toMatchObject({ code: 'EROFS' })
  })

  /** mount(8) looks for helpers in /sbin only, which is everybody's. */
  const linkHelper = ['mount -t tmpfs none "$(readlink -f /sbin)"', `ln -s ${helper} /sbin/mount.xnatfs`]
  const ways: Record<string, () => Promise<readonly string[]>> = {
    'mount -t xnatfs': () =>
      Promise.resolve([
        ...linkHelper,
        `mount -t xnatfs -o ro,listing_ttl=5,noauto,_netdev,uid=1000,allow_other ${server.url} ${path}`,
      ]),
    'the line of the README in /etc/fstab': async () => {
      const line = /^https:\S+ {2}\/mnt\/xnat {2}xnatfs .*$/m.exec(await readmeText())![0]
      const fstab = join(folder, 'fstab')
      const own = line.replace('https://xnat.example.org', server.url).replace('/mnt/xnat', path)
      await writeFile(fstab, `${own}\n`)
      return [...linkHelper, `mount -T ${fstab} ${path}`]
    },
    // Where root's programs are, as mount.fuse3 looks for them.
    'mount -t fuse.xnatfs, for which nothing is linked in /sbin': () =>
      Promise.resolve([
        'mount -t tmpfs none /usr/local/sbin',
        `ln -s ${program} /usr/local/sbin/xnatfs`,
        `mount -t fuse.xnatfs -o ro,uid=1000,allow_other ${server.url} ${path}`,
      ]),
  }

  it.each(Object.keys(ways))('is mounted by %s, and unmounted by umount', async (way) => {
    await mkdir(path)
    const script = [
      'set -e',
      ...(await ways[way]!()),
      `grep ' ${path} ' /proc/self/mounts`,
      `ls ${path}`,
      `stat -c 'of user %u' ${path}/TEST`,
      `md5sum < ${path}/TEST/1/MR1/scans/1/DICOM/1.dcm`,
      `! touch ${path}/TEST/resources/x 2>&1`,
      `umount ${path}`,
      `! grep ' ${path} ' /proc/self/mounts`,
    ].join('\n')
    const { code, stdout, stderr } = await inOwnMounts(script, { env })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^${server.url} ${path} fuse\\S* ro,\\S*allow_other.*\n`, 'm'))
    expect(stdout).toMatch(/^TEST$/m)
    expect(stdout).toMatch(/^of user 1000$/m)
    expect(stdout).toContain('Read-only file system')
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files/1.dcm'
    const { body } = await server.rest('GET', uri)
    expect(stdout).toContain(createHash('md5').update(body).digest('hex'))
    await expect.poll(async () => (await run('pgrep', ['-f', '--', path])).stdout).toBe('')
  })

  it('has a unit that systemd understands', async () => {
    const unit = join(folder, 'xnatfs@lab.service')
    await writeFile(unit, await readFile(join(repository, 'share/systemd/xnatfs@.service')))
    const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', '--user', unit])
    expect((stdout + stderr).split('\n').filter((line) => line.includes('xnatfs@lab'))).toEqual([])
  })

  it('tells systemd when it answers', async () => {
    const bin = join(folder, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$@" > ${folder}/told\n`)
    await chmod(join(bin, 'systemd-notify'), 0o755)
    const child = spawn(process.execPath, [program, 'mount', '--foreground', path], {
      env: { ...process.env, ...env, PATH: `${bin}:${process.env['PATH']}`, NOTIFY_SOCKET: '/run/x' },
      stdio: 'ignore',
    })
    try {
      await expect
        .poll(() => readFile(join(folder, 'told'), 'utf8').catch(() => ''), { timeout: 20_000 })
        .toBe(`--ready --pid=${child.pid} --status=${server.url} is mounted on ${path}\n`)
      expect(await readdir(path)).toContain('TEST')
    } finally {
      await end(child)
    }
  })
})
