import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What the C library and the tools make of attributes, which Node.js does not show. */
describe.each(drivers)('attributes by the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server, { flags: ['--driver', driver] })
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
  })

  it('let the C library list . and .. as on a disk', async () => {
    const listed = await shell('ls -a TEST/1/MR1/scans', { cwd: mount.path })
    expect(listed.split('\n').slice(0, 3)).toEqual(['.', '..', '1'])
  })

  it('have no time later than the one that was set, so that a copy is never newer than what it is of', async () => {
    const resource = join(mount.path, 'TEST/1/MR1/resources/TIMES')
    await mkdir(resource)
    await writeFile(join(resource, 'copy'), 'text')
    const script = `touch -d '2001-02-03 04:05:06.987654999' source && cp -p source "$R/copy" && test ! "$R/copy" -nt source`
    await shell(script, { cwd: mount.directory, env: { R: resource } })
  })
})
