import { readFile, readdir, stat, writeFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { md5 } from '../support/byte-source.js'
import { drivers } from '../support/drivers.js'
import { put } from '../support/emulator-rest.js'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'
import { zipEntries } from '../support/zip-entries.js'

/** `<RESOURCE>.zip` beside a resource: what the server packs of it. */
describe.each(drivers)('zips of resources by the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  const session = 'projects/TEST/subjects/1/experiments/MR1'
  beforeAll(async () => {
    server = await Server.start()
    for (const path of [
      'assessors/ASSESS2?xsiType=xnat:qcAssessmentData',
      'assessors/ASSESS2/out/resources/QCDATA/files/rating.json?inbody=true',
      'reconstructions/RECON2?type=sum',
      'reconstructions/RECON2/out/resources/DATA/files/sum.txt?inbody=true',
    ]) {
      await put(server, `/data/${session}/${path}`, path.includes('/files/') ? `body of ${path}` : undefined)
    }
    mount = await Mount.start(server, { flags: ['--driver', driver] })
  })
  afterAll(async () => {
    await mount.stop([/EIO .*\.zip/, /ENOENT/, /EROFS/])
    await server.stop()
  })

  const at = (path: string): string => join(mount.path, session, path)
  const filesIn = (zip: Buffer): string[] =>
    zipEntries(zip)
      .map(({ name, content }) => `${name.replace(/^.*\/files\//, '')} ${md5(content)}`)
      .toSorted()
  const packed = async (): Promise<number> =>
    (await server.requests()).filter(({ path }) => path.includes('format=zip')).length

  it.each([
    'scans/1/resources/DICOM',
    'resources/QC',
    'assessors/ASSESS1/out/resources/QCDATA',
    'reconstructions/RECON1/out/resources/DATA',
    'scans/ALL/resources/DICOM',
    'scans/T1,T2/resources/SNAPSHOTS',
    'scans/1,2/resources/DICOM',
    'assessors/ALL/out/resources/QCDATA',
    'reconstructions/*/out/resources/DATA',
  ])('%s.zip has the files that the server packs of this selection', async (selection) => {
    const theirs = await server.rest('GET', `/data/${session}/${selection}/files?format=zip`)
    expect(theirs.status).toBe(200)
    await server.resetRequests()
    const zip = await readFile(at(`${selection}.zip`))
    expect(filesIn(zip)).toEqual(filesIn(theirs.body))
    expect(filesIn(zip).length).toBeGreaterThan(0)
    expect((await stat(at(`${selection}.zip`))).size).toBe(zip.length)
    expect(await packed()).toBe(1)
  })

  it('is not listed, not changed, and not there without its resource', async () => {
    expect((await readdir(at('scans/1'))).toSorted()).toEqual(['DICOM', 'SNAPSHOTS'])
    await expect(writeFile(at('scans/1/DICOM.zip'), 'x')).rejects.toMatchObject({ code: 'EROFS' })
    await expect(stat(at('scans/1/NOSUCH.zip'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(stat(at('scans/1.zip'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is packed once for any number of reads, and anew when its resource has changed', async () => {
    await server.resetRequests()
    await readFile(at('resources/QC.zip'))
    const file = await open(at('resources/QC.zip'))
    for (let i = 0; i < 5; i++) await file.read(Buffer.alloc(10), 0, 10, i)
    await file.close()
    expect(await packed()).toBeLessThanOrEqual(1)
    await writeFile(at('resources/QC/more.txt'), 'more')
    expect(filesIn(await readFile(at('resources/QC.zip')))).toContain(`more.txt ${md5(Buffer.from('more'))}`)
  })

  it('is an error when the server breaks off, whole when it does not', async () => {
    for (const kind of ['truncate', 'drop'] as const) {
      await server.setFaults([{ path: '**/files?*format=zip*', fault: { kind, afterBytes: 300 } }])
      await expect(readFile(at('scans/2/SNAPSHOTS.zip'))).rejects.toMatchObject({ code: 'EIO' })
    }
    await server.setFaults([])
    expect(filesIn(await readFile(at('scans/2/SNAPSHOTS.zip')))).toHaveLength(
      (await readdir(at('scans/2/SNAPSHOTS'))).length,
    )
  })
})
