import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What XNAT knows of an item beside files, by the tools that read files. */
describe.each(drivers)('.xnat by the driver %s', (driver) => {
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
  const inMount = (line: string): Promise<string> => shell(line, { cwd: mount.path })

  it('is what curl gets, with its true size', async () => {
    const curl = `curl -sSg -u '${server.user}:${server.password}'`
    for (const path of [
      'TEST/.xnat/project.xml',
      'TEST/.xnat/users.csv',
      'TEST/1/MR1/.xnat/experiment.xml',
      'TEST/1/MR1/scans/1/.xnat/scan.xml',
      'TEST/1/MR1/scans/1/DICOM/.xnat/catalog.xml',
    ]) {
      const uri = await inMount(`getfattr --only-values -n user.xnat.uri ${path}`)
      const sent = await inMount(`${curl} '${server.url}${uri}'`)
      expect([path, await inMount(`cat ${path}`)]).toEqual([path, sent.replace(/\n?$/, '\n')])
      const [size, count] = (await inMount(`stat -c %s ${path}; wc -c < ${path}`)).trim().split('\n')
      expect([path, size]).toEqual([path, count])
    }
    expect(await inMount('cat TEST/.xnat/accessibility')).toBe('private\n')
  })

  it('is not met by who walks through the tree', async () => {
    expect(await inMount('find . -name .xnat')).toBe('')
    expect(await inMount('ls -A TEST/1/MR1/scans/1')).not.toContain('.xnat')
    expect((await inMount('ls TEST/1/.xnat/projects')).split('\n').filter(Boolean).toSorted()).toEqual([
      'ODD',
      'TEST',
    ])
  })
})
