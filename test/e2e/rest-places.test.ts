import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What REST does beside files, by the tools of a shell. */
describe.each(drivers)('the places of REST by the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    server = await Server.start()
    const flags = ['--driver', driver, '--allow-create', 'entities', '--allow-delete', 'entities']
    mount = await Mount.start(server, { flags })
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
  })
  const inMount = (line: string): Promise<string> => shell(line, { cwd: mount.path })

  it('a zip is copied to the server, imported, looked at and archived', async () => {
    await inMount('mkdir .xnat/cache/up && cp TEST/1/MR1/scans/1/DICOM.zip .xnat/cache/up/scan.zip')
    await inMount('cmp TEST/1/MR1/scans/1/DICOM.zip data/user/cache/resources/up/files/scan.zip')
    const source = 'src=/user/cache/resources/up/files/scan.zip'
    await inMount(`printf '%s\\n' ${source} project=TEST subject=7 session=E2E > .xnat/services/import`)
    const waiting = (await inMount('cat .xnat/services/import')).trim().replace('/data', '')
    expect(waiting).toMatch(/^\/prearchive\/projects\/TEST\/\d+_\d+\/E2E$/)
    expect(
      (await inMount(`ls data${waiting}/scans/1/resources/DICOM/files`)).trim().split('\n'),
    ).toHaveLength(16)
    await inMount(`echo src=${waiting} > data/services/archive`)
    await inMount('cmp TEST/1/MR1/scans/1/DICOM/1.dcm TEST/7/E2E/scans/1/DICOM/1.dcm')
    await inMount('rm .xnat/cache/up/scan.zip && rmdir .xnat/cache/up')
    expect(await inMount('ls .xnat/cache')).toBe('')
  })

  it('files of the user are as on a disk', async () => {
    await inMount(
      'mkdir -p .xnat/cache/drafts/in && head -c 5000000 /dev/urandom > .xnat/cache/drafts/in/a.bin',
    )
    const sums = (
      await inMount('cd .xnat/cache/drafts && cp in/a.bin "in/b c" && mv in/a.bin d && md5sum d in/*')
    ).trim()
    expect(new Set(sums.split('\n').map((line) => line.split(' ')[0])).size).toBe(1)
    expect((await inMount('cd .xnat/cache/drafts && find . -type f | sort')).trim().split('\n')).toEqual([
      './d',
      './in/b c',
    ])
    await inMount('printf more >> .xnat/cache/drafts/d')
    expect(await inMount('tail -c 4 data/user/cache/resources/drafts/files/d')).toBe('more')
    await inMount('rm -r .xnat/cache/drafts')
    expect(await inMount('ls .xnat/cache')).toBe('')
  })

  it('settings and favorites are made, read and removed', async () => {
    await inMount('echo "TR 600" > TEST/.xnat/config/tool/path && mkdir -p TEST/.xnat/config/tool')
    expect(await inMount('cat TEST/.xnat/config/tool/path')).toBe('TR 600\n')
    await inMount('echo "TR 700" > data/projects/TEST/config/tool/path')
    expect(await inMount("cat 'data/projects/TEST/config/tool/path?contents=true'")).toBe('TR 700\n')
    expect(await inMount('cat data/projects/TEST/config/tool/path')).toMatch(/^\{"ResultSet".*TR 700\\n/)
    await inMount('rm TEST/.xnat/config/tool/path')
    expect(await inMount('ls TEST/.xnat/config/tool')).toBe('')
    const favorites = 'data/users/favorites/xnat:projectData'
    await inMount(`touch ${favorites}/TEST`)
    expect(await inMount(`ls ${favorites}`)).toBe('TEST\n')
    await inMount(`rm ${favorites}/TEST`)
    expect(await inMount(`ls ${favorites}`)).toBe('')
  })

  it('what a listing does not ask for has its size for who opens it', async () => {
    const folder = 'TEST/1/MR1/.xnat'
    await inMount(`ls -l ${folder}`)
    for (const name of ['history.json', 'dicomdump.csv']) {
      const [counted, read, told] = (
        await inMount(
          `wc -c < ${folder}/${name}; cat ${folder}/${name} | wc -c; stat -c %s ${folder}/${name}`,
        )
      )
        .trim()
        .split('\n')
      expect([name, Number(counted), Number(told)]).toEqual([name, Number(read), Number(read)])
      expect(Number(read)).toBeGreaterThan(100)
    }
    const scan = 'TEST/1/MR1/scans/3/.xnat/dicomdump.csv'
    const copied = await inMount(`copy=$(mktemp) && cp ${scan} "$copy" && cat "$copy" && rm "$copy"`)
    expect(copied).toBe(await inMount(`cat ${scan}`))
    expect(copied).toContain('T2 axial')
  })

  it('documents of many kinds are read with their true sizes', async () => {
    const session = 'TEST/1/MR1'
    for (const path of [
      `${session}/history`,
      `${session}/.xnat/workflows/Added MR Session.xml`,
      `${session}/scans/1/DICOMDIR`,
      `${session}/scans/1/.xnat/dicomdump.csv`,
      'TEST/groups/TEST_owner',
      'data/services/audit/xnat:projectData/TEST',
      'data/status/upload',
    ]) {
      const [read, told] = (await inMount(`cat '${path}' | wc -c; stat -L -c %s '${path}'`))
        .trim()
        .split('\n')
      expect([path, Number(read)]).toEqual([path, Number(told)])
      expect(Number(read)).toBeGreaterThan(9)
    }
    const names = await inMount(`python3 -m zipfile -l ${session}/scans/1/.xnat/DICOMDIR.zip`)
    expect(names).toContain('MR1/SCANS/1-T1/DICOM/1.dcm')
  })

  it('what is a directory and a document is had as both, by the URI that curl takes', async () => {
    const curl = (uri: string): Promise<string> =>
      shell(`curl -sSf -u '${server.user}:${server.password}' '${server.url}/data${uri}'`, {
        cwd: mount.path,
      })
    for (const [uri, asked] of [
      ['/user', '/user?'],
      ['/projects/TEST', '/projects/TEST?format=xml'],
      ['/projects/TEST/users', '/projects/TEST/users?format=csv'],
      ['/prearchive', '/prearchive?format=csv'],
      ['/projects', '/projects?format=json'],
      ['/projects/TEST/subjects', '/projects/TEST/subjects?format=csv'],
      [
        '/projects/TEST/subjects/1/experiments/MR1/scans',
        '/projects/TEST/subjects/1/experiments/MR1/scans?format=xml',
      ],
    ] as const) {
      expect(await inMount(`test -d 'data${uri}' && cat 'data${asked}'`)).toBe(await curl(asked))
    }
    const listed = await inMount("ls 'data/projects/TEST/subjects?label=1'")
    expect(listed).toBe('1\n')
    const zip = 'data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files?format=zip'
    expect(await inMount(`python3 -m zipfile -l '${zip}'`)).toContain('1.dcm')
  })
})
