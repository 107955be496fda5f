import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { installForAnybody } from '../support/installation.js'
import { Mount } from '../support/mount.js'
import { repository, run, shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What differs from the other driver, and the main job; the conformance table runs over both. */
describe('the driver fuse-native', () => {
  let server: Server
  let mount: Mount
  let local: string
  let archive: string
  const expected: RegExp[] = []
  beforeAll(async () => {
    local = await mkdtemp(join(tmpdir(), 'xnatfs-local-'))
    archive = join(local, 'archive')
    server = await Server.start(['--state', archive])
  })
  afterAll(async () => {
    await server.stop()
    await rm(local, { recursive: true })
  })
  beforeEach(async () => {
    mount = await Mount.start(server, { flags: ['--driver', 'fuse-native'] })
  })
  afterEach(() => mount.stop([/ended|died/, ...expected.splice(0)]))

  const isDead = async (): Promise<boolean> =>
    stat(mount.path).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOTCONN',
    )

  it('is named in the log', async () => {
    expect((await mount.log()).join()).toContain('(driver fuse-native: as asked)')
  })

  it('carries cp -r, dcm2niix and rsync -a', async () => {
    const env = {
      SCANS: join(mount.path, 'TEST/1/MR1/scans'),
      R: join(mount.path, 'TEST/1/MR1/resources/FN'),
      LOCAL: local,
    }
    await shell('cp -r "$SCANS" "$LOCAL/scans" && diff -r "$SCANS" "$LOCAL/scans"', { env })
    await shell('mkdir "$R" && dcm2niix -z n -f %s -o "$R" "$SCANS/1/DICOM"', { env })
    await shell('dcm2niix -z n -f %s -o "$LOCAL" "$LOCAL/scans/1/DICOM"', { env })
    await shell('cmp "$R/1.nii" "$LOCAL/1.nii"', { env })
    await shell('rsync -a "$LOCAL/scans/2" "$R/" && diff -r "$LOCAL/scans/2" "$R/2"', { env })
  })

  it('deletes a file that is removed while it is open when it is closed', async () => {
    const R = join(mount.path, 'TEST/1/MR1/resources/REMOVED')
    await shell('mkdir "$R" && echo old > "$R/a" && exec 3>>"$R/a" && rm "$R/a" && echo new >&3', {
      env: { R },
    })
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/REMOVED/files/a'
    await expect.poll(async () => (await server.rest('GET', uri)).status).toBe(404)
  })

  it('never cuts a file that grew on the server at the size that the kernel knows', async () => {
    const file = join(mount.path, 'TEST/1/MR1/scans/1/DICOM/4.dcm')
    expect((await stat(file)).size).toBeLessThan(10_000)
    const stored = join(archive, 'archive/TEST/arc001/MR1/SCANS/1/DICOM/4.dcm')
    await writeFile(stored, Buffer.concat([await readFile(stored), Buffer.alloc(7777, 7)]))
    expected.push(/ESTALE read 4\.dcm/)
    // Unlike most, dd does not ask for the size of what it has opened, and by that have the kernel ask again.
    const env = { FILE: file, STORED: stored }
    await expect(shell('dd if="$FILE" bs=777 status=none > /dev/null', { env })).rejects.toThrow(/Stale/)
    await shell('dd if="$FILE" bs=777 status=none | cmp - "$STORED"', { env })
  })

  it('leaves a dead mount when it is killed, which umount tells from a live one and clears away', async () => {
    process.kill(await mount.pid(), 'SIGKILL')
    await expect.poll(isDead).toBe(true)
    const { code, stdout } = await mount.xnatfs(['umount', mount.path])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/had died; the mount is cleared away/)])
    expect(await mountAt(mount.path)).toBeUndefined()
  })

  it('leaves a dead mount when it is killed, which the next mount clears away, and says so', async () => {
    process.kill(await mount.pid(), 'SIGKILL')
    await expect.poll(isDead).toBe(true)
    expect((await mount.xnatfs(['mount', '--driver', 'fuse-native', mount.path])).code).toBe(0)
    expect((await mount.complaints()).join()).toMatch(/has died without unmounting it; clearing it away/)
    expect(await readdir(mount.path)).toContain('TEST')
  })
})

describe('where the driver libfuse3 cannot be built', () => {
  it('building it ends well, with one sentence that says what is missing', async () => {
    const tools = await mkdtemp(join(tmpdir(), 'xnatfs-tools-'))
    try {
      for (const tool of ['dirname', 'uname', 'node']) await shell(`ln -s "$(command -v ${tool})" ${tools}/`)
      const script = join(repository, 'scripts/build-native')
      const { code, stderr } = await run('/bin/bash', [script], { env: { PATH: tools } })
      expect(code).toBe(0)
      expect(stderr).toMatch(
        /^xnatfs: the driver libfuse3 is not built: .*apt-get install g\+\+.* use the slower driver fuse-native\.\n$/,
      )
      expect((await run('/bin/bash', [script, '--required'], { env: { PATH: tools } })).code).toBe(1)
    } finally {
      await rm(tools, { recursive: true })
    }
  })

  it('fuse-native serves the mount, and the log says why', async () => {
    const server = await Server.start()
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-mount-'))
    const installed = await installForAnybody('none')
    const main = join(installed, 'dist/cli/main.js')
    const path = join(folder, 'xnat')
    const env = {
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_RUNTIME_DIR: folder,
      XNAT_HOST: server.url,
      XNAT_USER: server.user,
      XNAT_PASS: server.password,
    }
    try {
      const logFile = join(folder, 'log')
      expect((await run(process.execPath, [main, 'mount', '--log-file', logFile, path], { env })).code).toBe(
        0,
      )
      expect(await readdir(path)).toContain('TEST')
      expect(await readFile(logFile, 'utf8')).toMatch(
        /driver fuse-native: the driver libfuse3 cannot be loaded: it is not built; build it with/,
      )
      expect((await run(process.execPath, [main, 'umount', path], { env })).code).toBe(0)
      const asked = await run(process.execPath, [main, 'mount', '--driver', 'libfuse3', path], { env })
      expect([asked.code, asked.stderr]).toEqual([6, expect.stringContaining('it is not built')])
    } finally {
      if (await mountAt(path)) await unmount(path, { lazy: true })
      await server.stop()
      await rm(folder, { recursive: true })
      await rm(installed, { recursive: true })
    }
  })
})
