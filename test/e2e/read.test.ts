import { cp, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  hasSharedData,
  manifestFiles,
  manifestPath,
  manifestSessions,
  referenceConversions,
} from '../support/data-sets.js'
import { convert, md5OfFile } from '../support/digests.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

interface Variant {
  readonly title: string
  readonly serve: readonly string[]
}
const variants: readonly Variant[] = [
  { title: 'a server as XNAT is', serve: [] },
  { title: 'a server that ignores ranges', serve: ['--no-range'] },
]

describe.each(variants)('the generated sample on $title', ({ serve }) => {
  let folder: string
  let server: Server
  let mount: Mount
  const session = 'TEST/1/MR1'
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-archive-'))
    server = await Server.start(['--state', folder, ...serve])
    mount = await Mount.start(server)
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
    await rm(folder, { recursive: true })
  })

  it('has the bytes and sizes that lie in the archive folder of the server', async () => {
    for (const scan of ['1', '2', '3', '4']) {
      const stored = join(folder, 'archive/TEST/arc001/MR1/SCANS', scan, 'DICOM')
      const names = (await readdir(stored)).filter((name) => name.endsWith('.dcm')).toSorted()
      const shown = join(mount.path, session, 'scans', scan, 'DICOM')
      expect((await readdir(shown)).toSorted()).toEqual(names)
      for (const name of names) {
        expect((await stat(join(shown, name))).size).toBe((await stat(join(stored, name))).size)
        expect(await readFile(join(shown, name))).toEqual(await readFile(join(stored, name)))
      }
    }
  })

  it('is converted by dcm2niix as a local copy is, by scan, by type and by session', async () => {
    const local = await mkdtemp(join(tmpdir(), 'xnatfs-copy-'))
    try {
      const scans = join(mount.path, session, 'scans')
      for (const scan of ['1', '2', '3', '4']) {
        await cp(join(folder, 'archive/TEST/arc001/MR1/SCANS', scan, 'DICOM'), join(local, scan, 'DICOM'), {
          recursive: true,
        })
      }
      const whole = await convert(local)
      expect(Object.keys(whole)).toHaveLength(8)
      expect(await convert(scans)).toEqual(whole)
      expect(await convert(join(scans, 'ALL'))).toEqual(whole)
      expect(await convert(join(scans, '1', 'DICOM'))).toEqual(await convert(join(local, '1', 'DICOM')))
      const t1 = { ...(await convert(join(local, '1'))), ...(await convert(join(local, '2'))) }
      expect(await convert(join(scans, 'T1'))).toEqual(t1)
      expect(await convert(join(scans, '1,2'))).toEqual(t1)
      expect(await convert(join(scans, 'T1', 'resources', 'DICOM', 'files'))).toEqual(t1)
    } finally {
      await rm(local, { recursive: true })
    }
  })
})

describe('walking', () => {
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server)
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
  })
  const lines = async (command: string): Promise<string[]> =>
    (await shell(command, { cwd: mount.path })).split('\n').filter((line) => line !== '')

  it('meets each file once: aliases and wildcards are not listed', async () => {
    const files = await lines('find TEST -type f')
    expect(new Set(files).size).toBe(files.length)
    const { body } = await server.rest(
      'GET',
      '/data/projects/TEST/subjects/1/experiments/MR1/scans/ALL/files?format=json',
    )
    const rows = (JSON.parse(body.toString()) as { ResultSet: { Result: unknown[] } }).ResultSet.Result
    expect(files.filter((path) => path.startsWith('TEST/1/MR1/scans/'))).toHaveLength(rows.length)
    expect(await lines('find . -type l')).toEqual([])
  })

  it('opens any URI of the documentation pasted behind the mountpoint', async () => {
    const canonical = 'TEST/1/MR1/scans/1/DICOM/1.dcm'
    const experiment = await idOf('/data/projects/TEST/experiments', 'MR1')
    const subject = await idOf('/data/projects/TEST/subjects', '1')
    const resource = await shell(
      `curl -s -u '${server.user}:${server.password}' '${server.url}/data/experiments/${experiment}/scans/1/resources?format=csv'`,
    )
    const resourceId =
      /^.*$/m.exec(resource) &&
      /\b(\d+)\b[^\n]*DICOM/.exec(resource.split('\n').find((line) => line.includes('DICOM')) ?? '')?.[1]
    for (const uri of [
      'data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files/1.dcm',
      'data/archive/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files/1.dcm',
      'REST/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/DICOM/files/1.dcm',
      'data/projects/TEST/experiments/MR1/scans/1/resources/DICOM/files/1.dcm',
      `data/projects/TEST/subjects/${subject}/experiments/${experiment}/scans/1/resources/${resourceId}/files/1.dcm`,
      `data/experiments/${experiment}/scans/1/resources/DICOM/files/1.dcm`,
      `data/subjects/${subject}/experiments/${experiment}/scans/1/resources/DICOM/files/1.dcm`,
      'TEST/1/MR1/scans/1-T1/resources/DICOM/files/1.dcm',
      'data/projects/TEST/subjects/1/experiments/MR1/scans/1/files/1.dcm',
    ]) {
      expect([uri, await md5OfFile(join(mount.path, uri))]).toEqual([
        uri,
        await md5OfFile(join(mount.path, canonical)),
      ])
    }
  })

  it('shows the merged resource of a wildcard with names told apart', async () => {
    const merged = await readdir(join(mount.path, 'TEST/1/MR1/scans/T1/DICOM'))
    expect(merged).toContain('1-1.dcm')
    expect(merged).toContain('2-1.dcm')
    const own = await md5OfFile(join(mount.path, 'TEST/1/MR1/scans/2/DICOM/1.dcm'))
    expect(await md5OfFile(join(mount.path, 'TEST/1/MR1/scans/T1/DICOM/2-1.dcm'))).toBe(own)
    expect(await readdir(join(mount.path, 'TEST/1/MR1/scans/T2'))).toEqual(['3', '4'])
    expect(await readdir(join(mount.path, 'TEST/1/MR1/scans/1,T2'))).toEqual(['1', '3', '4'])
    await expect(readdir(join(mount.path, 'TEST/1/MR1/scans/T9'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('shows and reads odd names, empty files and nested folders', async () => {
    expect((await lines('cd ODD/resources/names && ls -1')).toSorted()).toContain('100%.txt')
    for (const path of await lines('find ODD -type f')) {
      const { size } = await stat(join(mount.path, path))
      expect([path, (await readFile(join(mount.path, path))).length]).toEqual([path, size])
    }
  })

  it('shows a shared session in both projects, with the same bytes', async () => {
    const [link] = await lines('find ODD -maxdepth 2 -name "*MR1*"')
    expect(await md5OfFile(join(mount.path, link!, 'scans/1/DICOM/1.dcm'))).toBe(
      await md5OfFile(join(mount.path, 'TEST/1/MR1/scans/1/DICOM/1.dcm')),
    )
  })

  async function idOf(list: string, label: string): Promise<string> {
    const { body } = await server.rest('GET', `${list}?format=json`)
    const rows = (JSON.parse(body.toString()) as { ResultSet: { Result: { ID: string; label: string }[] } })
      .ResultSet.Result
    return rows.find((row) => row.label === label)!.ID
  }
})

/** Real scans of three vendors, where the data set lies beside the project. */
describe.runIf(hasSharedData)('the data set beside the project', () => {
  describe.each(variants)('on $title', ({ serve }) => {
    let server: Server
    let mount: Mount
    beforeAll(async () => {
      server = await Server.start(['--data', manifestPath, ...serve])
      mount = await Mount.start(server)
    })
    afterAll(async () => {
      await mount.stop()
      await server.stop()
    })

    it('has every file of the manifest with its size and MD5, and no other', async () => {
      const expected = manifestFiles()
      for (const { path, sizeBytes, md5 } of expected) {
        const file = join(mount.path, path)
        expect([path, (await stat(file)).size, await md5OfFile(file)]).toEqual([path, sizeBytes, md5])
      }
      const found = await shell('find . -type f | wc -l', { cwd: mount.path })
      expect(Number(found)).toBe(expected.length)
    })

    it('is converted by dcm2niix to exactly the reference, by scan and by session', async () => {
      for (const { input, outputs } of referenceConversions()) {
        expect([input, await convert(join(mount.path, input))]).toEqual([input, outputs])
      }
    })

    it('is converted the same through wildcards', async () => {
      for (const [label, path] of manifestSessions()) {
        const reference = referenceConversions().find(({ input }) => input === `${path}/scans`)
        expect([label, await convert(join(mount.path, path, 'scans/ALL'))]).toEqual([
          label,
          reference!.outputs,
        ])
      }
      const scans = join(mount.path, manifestSessions().get('GE_Exam1486')!, 'scans')
      const byType = await convert(join(scans, '3-Plane Localizer'))
      expect(Object.keys(byType).map((name) => name.split('_')[2])).toEqual(
        expect.arrayContaining(['1', '5']),
      )
    })
  })
})
