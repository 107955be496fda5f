import { mkdir, readFile, readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** Projects, subjects, sessions and scans are made and removed only where an option says so. */
let server: Server
beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.stop())

it('are refused without their options, by an errno and a sentence in the log', async () => {
  const mount = await Mount.start(server)
  try {
    await expect(mkdir(join(mount.path, 'TEST/NEW'))).rejects.toMatchObject({ code: 'EPERM' })
    await expect(rmdir(join(mount.path, 'ODD/without_experiments'))).rejects.toMatchObject({ code: 'EPERM' })
    const log = (await mount.complaints()).join('\n')
    expect(log).toContain('mount with --allow-create entities to make it')
    expect(log).toContain('mount with --allow-delete entities to remove it')
  } finally {
    await mount.stop([/EPERM/])
  }
})

it('are made and removed with them, and what has something in it stays', async () => {
  const mount = await Mount.start(server, {
    flags: ['--allow-create', 'entities', '--allow-delete', 'entities'],
  })
  try {
    const subject = join(mount.path, 'TEST/NEW')
    const made = [subject, join(subject, 'MR9'), join(subject, 'MR9/scans/1')]
    for (const path of made) await mkdir(path)
    const url = '/data/projects/TEST/subjects/NEW/experiments/MR9/scans?format=json'
    expect((await server.rest('GET', url)).body.toString()).toContain('"ID":"1"')
    await expect(rmdir(subject)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    for (const path of made.toReversed()) await rmdir(path)
    expect(await readdir(join(mount.path, 'TEST'))).not.toContain('NEW')
    expect((await server.rest('GET', '/data/projects/TEST/subjects/NEW')).status).toBe(404)

    const waiting = 'prearchive/TEST/20260101_120000123/PRE1'
    const files = `${waiting}/scans/1/resources/DICOM/files`
    const sent = await server.rest('GET', `/data/${files.replace('prearchive', 'prearchive/projects')}/1.dcm`)
    for (const sweep of [`rm -rf ${waiting}`, 'rm -rf .xnat', 'find prearchive/ -delete'])
      await shell(`${sweep} 2>/dev/null || true`, { cwd: mount.path })
    expect((await readFile(join(mount.path, files, '1.dcm'))).equals(sent.body)).toBe(true)
    await expect(rmdir(join(mount.path, waiting))).rejects.toMatchObject({ code: 'EPERM' })
    await rmdir(join(mount.path, waiting)) // said again
    expect(await readdir(join(mount.path, 'prearchive/TEST'))).toEqual([])
    expect((await server.rest('GET', '/data/prearchive?format=csv')).body.toString()).not.toContain('PRE1')
  } finally {
    await mount.stop([/ENOTEMPTY/, /EPERM/])
  }
})
