import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { RestCatalogue, asPasted, filesOf, formsOf, inForm, markOf, rows } from '../support/rest-catalogue.js'
import type { Opened } from '../support/rest-catalogue.js'
import { Server } from '../support/server.js'

/** Every row of docs/rest-map.md that reads something, by its URI behind the mountpoint: what curl gets. */

let server: Server
let catalogue: RestCatalogue
beforeAll(async () => {
  server = await Server.start()
  catalogue = await RestCatalogue.of(server)
})
afterAll(() => server.stop())

describe.each(drivers)('a URI of REST behind the mountpoint, by the driver %s', (driver) => {
  let mount: Mount
  beforeAll(async () => {
    mount = await Mount.start(server, { flags: ['--driver', driver] })
  })
  afterAll(() => mount.stop([/EPERM remove/]))

  async function opened(uri: string): Promise<Opened> {
    const path = join(mount.path, 'data', uri)
    try {
      return { names: (await readdir(path)).toSorted() }
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOTDIR') throw error
      const bytes = await readFile(path)
      const isZip = bytes.subarray(0, 2).toString() === 'PK'
      return isZip ? { files: filesOf(bytes) } : { text: bytes.toString('latin1') }
    }
  }

  it.concurrent.each(rows)('is what curl gets: $uri', async (row) => {
    const uri = catalogue.uriOf(row)
    const sent = await catalogue.sentOf(row)
    const mark = markOf(row)
    const told = mark ? { names: expect.any(Array) as string[] } : asPasted(uri, sent)
    expect(asPasted(uri, await opened(uri))).toEqual(told)
    if (mark) expect(await opened(uri + mark)).toEqual(sent)
    for (const format of formsOf(row)) {
      const text = (await catalogue.get(inForm(uri, format))).toString('latin1')
      expect([format, await opened(inForm(uri, format))]).toEqual([format, { text }])
    }
  })

  it.concurrent.each([
    ['/services/dicomdump?src=/archive/projects/TEST/experiments/MR1/scans/3&field=PatientName&format=json'],
    ['/services/dicomdump?src=/prearchive/projects/TEST/20260101_120000123/PRE1&format=csv'],
    ['/services/dicomdump?src=%2Farchive%2Fprojects%2FTEST%2Fsubjects%2F1%2Fexperiments%2FMR1&format=xml'],
    ['/services/dicomdump?src=/archive/projects/TEST/experiments/MR1/scans/3&field=PatientName'],
    ['/search/saved/kept/results?format=json'],
    ['/projects/TEST/subjects?columns=ID,label'],
    ['/prearchive/projects/TEST?format=html'],
    ['/experiments?xsiType=xnat:mrSessionData&columns=ID,xnat:mrSessionData/date&format=csv'],
    ['/projects/TEST/experiments?date=01/01/2006-12/31/2030&format=json'],
    ['/user/reader/roles?format=xml'],
    ['/config/tool/path'],
    ['/projects/TEST/config/tool/path'],
    ['/projects/TEST/config/tool/path?contents=true'],
    ['/user/cache/resources/folder?'],
    ['/user/cache/resources/folder?format=json'],
  ])('is what curl gets: %s', async (uri) => {
    const sent = (await catalogue.get(uri)).toString('latin1')
    expect(await opened(uri)).toEqual({ text: sent })
  })

  it.concurrent.each(
    [
      '/files',
      '/resources/QC/files',
      '/scans/1/files',
      '/scans/3/files',
      '/scans/1/resources/DICOM/files',
      '/scans/1/resources/DICOM,SNAPSHOTS/files',
      '/scans/ALL/files',
      '/scans/*/files',
      '/scans/3,1/files',
      '/scans/T1/resources/DICOM/files',
      '/scans/T1,T2/files',
      '/scans/3,T1/resources/SNAPSHOTS,DICOM/files',
      '/reconstructions/RECON1/files',
      '/reconstructions/RECON1/resources/DATA/files',
      '/reconstructions/average/out/files',
      '/reconstructions/ALL/files',
      '/reconstructions/ALL/resources/DATA/files',
      '/assessors/ASSESS1/out/resources/QCDATA/files',
      '/assessors/*/out/resources/QCDATA/files',
      '/assessors/xnat:qcManualAssessorData/out/files',
      '/scans/ALL/resources',
      '/scans/2,1/resources',
      '/reconstructions/average/resources',
      '/assessors/ALL/out/resources',
    ].map((path) => [path]),
  )('is what curl gets, as the question was pasted: %s', async (path) => {
    const uri = `/projects/TEST/subjects/1/experiments/MR1${path}`
    for (const question of ['?', '?format=json', '?format=csv', '?format=xml', '?format=html']) {
      const sent = (await catalogue.get(uri + question)).toString('latin1')
      expect([question, await opened(uri + question)]).toEqual([question, { text: sent }])
    }
  })

  it('is written by what tools do with files, and tells what the server has then', async () => {
    const inMount = (line: string): Promise<string> => shell(line, { cwd: mount.path })
    for (const uri of ['search/saved/kept', 'projects/TEST/subjects/1']) {
      await inMount(
        `xml=$(mktemp) && cat 'data/${uri}?format=xml' > $xml && cp $xml 'data/${uri}?' && rm $xml`,
      )
      expect(await inMount(`cat 'data/${uri}?'`)).toBe((await catalogue.get(`/${uri}`)).toString())
    }
    expect(await inMount("rm 'data/search/saved/kept?' 2>&1 || true")).toMatch(/not permitted|Read-only/)
    expect(await inMount("wc -c < 'data/projects/TEST?'")).not.toMatch(/^0$/)
  })

  it('is copied and removed as what it is', async () => {
    const inMount = (line: string): Promise<string> => shell(line, { cwd: mount.path })
    const copied = await inMount(
      'copy=$(mktemp -d) && cp -r data/user/reader data/search/saved/kept "$copy" && cd "$copy" && find . -type f | sort && rm -r "$copy"',
    )
    expect(copied.trim().split('\n')).toEqual(['./kept/results', './reader/roles', './reader/sessions'])
    await inMount(
      "rm -rf data/search/saved/kept data/user/reader 'data/services/dicomdump?src=' 2>/dev/null || true",
    )
    expect(await inMount('cat data/search/saved/kept/results')).toContain('TEST')
  })

  it('is not met by who walks through what is listed', async () => {
    const listing = await shell('find data/services/ data/user/ data/search/ -maxdepth 3 | sort', {
      cwd: mount.path,
    })
    expect(listing).toContain('data/services/features.csv')
    expect(listing).not.toMatch(/\?|dicomdump|elements\//)
  })
})
