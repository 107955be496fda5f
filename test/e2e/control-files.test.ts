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

describe.each(drivers)('orders in .xnat by the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  let expected: RegExp[] = []
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server, { flags: ['--driver', driver] })
  })
  afterAll(async () => {
    await mount.stop(expected)
    await server.stop()
  })
  const inMount = (line: string): Promise<string> => shell(line, { cwd: mount.path })

  it('are not given by a recursive delete', async () => {
    const before = await inMount('ls -R TEST/.xnat/users TEST/.xnat/config TEST/1/MR1/.xnat/projects')
    for (const line of [
      'rm -rf TEST/1/MR1/.xnat TEST/.xnat',
      'find TEST/1/MR1/.xnat TEST/.xnat -delete',
      `python3 -c 'import shutil; shutil.rmtree("TEST/.xnat", True); shutil.rmtree("TEST/1/MR1/.xnat", True)'`,
    ])
      await inMount(`${line} 2>/dev/null || true`)
    expect(before).toContain('member')
    expect(before).toContain('t1')
    expect(await inMount('ls -R TEST/.xnat/users TEST/.xnat/config TEST/1/MR1/.xnat/projects')).toBe(before)
  })
  const rest = async (path: string): Promise<string> => (await server.rest('GET', path)).body.toString()

  it('are given by echo, cp, touch, rm, mkdir and rmdir', async () => {
    expect(await inMount('echo public > TEST/.xnat/accessibility && cat TEST/.xnat/accessibility')).toBe(
      'public\n',
    )
    expect(await rest('/data/projects/TEST/accessibility')).toBe('public')
    await inMount('echo protected > TEST/.xnat/accessibility')
    expect(await rest('/data/projects/TEST/accessibility')).toBe('protected')

    const xml = 'TEST/1/MR1/.xnat/experiment.xml'
    await inMount(
      `sed s/2026-01-05/2026-01-09/ ${xml} > ${mount.directory}/new.xml && cp ${mount.directory}/new.xml ${xml}`,
    )
    expect(await inMount(`grep -c 2026-01-09 ${xml}`)).not.toBe('0\n')

    const roles = 'TEST/.xnat/users'
    await inMount(`touch ${roles}/Members/outsider`)
    expect(await inMount(`ls ${roles}/Members`)).toContain('outsider')
    await inMount(`touch ${roles}/Collaborators/outsider`)
    expect(await inMount(`ls ${roles}/Members`)).not.toContain('outsider')
    expect(await rest('/data/projects/TEST/users?format=csv')).toContain('Collaborators,outsider')
    await inMount(`rm ${roles}/Collaborators/outsider`)
    expect(await rest('/data/projects/TEST/users?format=csv')).not.toContain('outsider')

    await inMount('rmdir TEST/1/MR1/.xnat/projects/ODD && mkdir TEST/1/MR1/.xnat/projects/ODD')
    expect(await inMount('ls ODD/shared_1')).toContain('MR1')
  })

  it('that are refused are an error of close(), with the reason in the log', async () => {
    expected = [/EINVAL/, /EPERM/]
    // The echo of a shell closes its output in a way that tells nobody of a failure.
    const write = 'echo five | cp /dev/stdin TEST/.xnat/prearchive_code'
    await expect(inMount(write)).rejects.toThrow(/Invalid argument/)
    await expect(inMount('rmdir TEST/1/MR1/.xnat/projects/TEST')).rejects.toThrow(/not permitted/)
    expect((await mount.complaints()).join('\n')).toContain(
      "prearchive_code: it cannot be 'five'; give a whole number",
    )
    expect(await rest('/data/projects/TEST/prearchive_code')).not.toContain('five')
  })

  it('that are refused are told to who closes a duplicate first, leave no name, and can be given anew', async () => {
    expected = [/EINVAL/, /EPERM/]
    const nobody = 'TEST/.xnat/users/Members/nobody'
    await expect(inMount(`touch ${nobody}`)).rejects.toThrow(/Invalid argument/)
    await inMount(`: > ${nobody} || true`)
    await expect(inMount(`: > ${nobody}; cp /dev/null ${nobody}`)).rejects.toThrow(/Invalid argument/)
    // What the shell opens it does not look up before.
    const file = 'TEST/.xnat/config/notes/first'
    await inMount(`echo ' ' > ${file} || true`)
    expect(await inMount(`echo text > ${file} && cat ${file}`)).toBe('text\n')
  })

  it('run a search', async () => {
    const search =
      '<xdat:stored_search xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name><xdat:search_field><xdat:element_name>xnat:subjectData</xdat:element_name><xdat:field_ID>SUBJECT_LABEL</xdat:field_ID></xdat:search_field></xdat:stored_search>'
    await inMount(`echo '${search}' > .xnat/search/run/all.xml`)
    expect((await inMount('cat .xnat/search/run/all.csv')).split('\n')).toContain('1')
  })
})
