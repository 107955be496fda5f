import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite } from '../support/control-site.js'
import { bodyOf, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import {
  RestCatalogue,
  asPasted,
  endedByNewline,
  filesOf,
  formsOf,
  inForm,
  isDocument,
  isItem,
  isTable,
  markOf,
  rows,
} from '../support/rest-catalogue.js'
import type { Opened } from '../support/rest-catalogue.js'
import { startLocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** Every row of docs/rest-map.md that reads something: what its URI opens when it is pasted, with a question and without. */

const site = useControlSite({ listingTtl: 60 })
let catalogue: RestCatalogue
let session: string
beforeAll(async () => {
  catalogue = await RestCatalogue.of(site.emulator)
  session = await site.sessionId()
})

async function opened(path: string): Promise<Opened> {
  try {
    return { names: (await site.fs.list(path)).toSorted() }
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOTDIR') throw error
    const bytes = await readFile(site.fs, path)
    return bytes.subarray(0, 4).toString('latin1') === 'PK\u0003\u0004'
      ? { files: filesOf(bytes) }
      : { text: bytes.toString('latin1') }
  }
}

describe('a URI of REST, pasted as it is', () => {
  it.each(rows)('opens what the map says, which is what curl gets: $uri', async (row) => {
    expect(await opened(catalogue.placeOf(row))).toEqual(await catalogue.keptOf(row))
    const uri = catalogue.uriOf(row)
    const sent = await catalogue.sentOf(row)
    const mark = markOf(row)
    for (const prefix of ['data', 'REST']) {
      const bare = asPasted(uri, await opened(prefix + uri))
      const told = mark ? { names: expect.any(Array) as string[] } : asPasted(uri, sent)
      expect([row.uri, bare]).toEqual([row.uri, told])
      if (mark) expect([row.uri, await opened(prefix + uri + mark)]).toEqual([row.uri, sent])
    }
  })

  it.each(rows.filter((row) => formsOf(row).length > 0))('is had in each of its forms: $uri', async (row) => {
    const uri = catalogue.uriOf(row)
    for (const format of formsOf(row)) {
      const text = (await catalogue.get(inForm(uri, format))).toString('latin1')
      expect([format, await opened(`data${inForm(uri, format)}`)]).toEqual([format, { text }])
    }
  })

  it('is asked for by who opens it, and by nobody before', async () => {
    const uris = rows.filter(isDocument).map((row) => `data${catalogue.uriOf(row)}${markOf(row) ?? ''}`)
    for (const uri of uris) await site.fs.stat(uri)
    site.emulator.control.resetRequests()
    for (const uri of uris) await site.fs.stat(uri)
    expect(site.emulator.control.requests()).toEqual([])
  })

  it('opens as the same document, or the same directory, with `?` behind it or without', async () => {
    const others = rows.filter(
      (row) => isDocument(row) && !row.uri.includes('?') && !/\{(FILE|F)\}$|\/DICOMDIR$/.test(row.uri),
    )
    expect(others.length).toBeGreaterThan(50)
    for (const row of others) {
      const question = await opened(`data${catalogue.uriOf(row)}?`)
      expect([row.uri, question]).toEqual([row.uri, await catalogue.sentOf(row)])
    }
  })
})

describe('a list of REST', () => {
  it.each(rows.filter(isTable))('is what curl gets, in each form of it: $uri', async (row) => {
    const uri = catalogue.uriOf(row)
    for (const question of ['', '?format=json', '?format=csv', '?format=xml', '?format=html']) {
      const sent = await catalogue.get(uri + question)
      const read = await opened(`data${uri}${question || '?'}`)
      expect([question, read]).toEqual([question, { text: sent.toString('latin1') }])
    }
  })

  it.each(rows.filter((row) => isItem(row) && !row.path.endsWith('catalog.xml')))(
    'and an item as JSON: $uri',
    async (row) => {
      const sent = await bodyOf(site.emulator, `/data${catalogue.uriOf(row)}?format=json`)
      expect(await opened(`data${catalogue.uriOf(row)}?format=json`)).toEqual({
        text: sent.toString('latin1'),
      })
    },
  )

  it.each([
    ['/experiments/{E}', '/resources/QC/files'],
    ['/experiments/{E}', '/scans/1/resources/DICOM/files'],
    ['/experiments/{E}', '/reconstructions/RECON1/out/resources/DATA/files'],
    ['/projects/TEST/experiments/MR1', '/resources/QC/files'],
    ['/subjects/{S}', '/resources/forms/files'],
  ])(
    'of files by a shorter path is what curl gets by the one of the directory: %s%s',
    async (short, below) => {
      const isOfSubject = short.startsWith('/subjects')
      const [list, path] = isOfSubject
        ? ['/projects/TEST/subjects', '']
        : ['/experiments', '/experiments/MR1']
      const ids = { E: session, S: (await catalogue.table(list)).find(({ label }) => label === '1')?.['ID'] }
      const pasted = short.replace(/\{([ES])\}/, (_, name: 'E' | 'S') => ids[name]!) + below
      for (const question of ['?', '?format=json', '?format=csv', '?format=xml', '?format=html']) {
        const sent = await catalogue.get(`/projects/TEST/subjects/1${path}${below}${question}`)
        const read = await opened(`data${pasted}${question}`)
        expect([question, read]).toEqual([question, { text: sent.toString('latin1') }])
        expect(sent.equals(await catalogue.get(pasted + question))).toBe(false)
      }
    },
  )

  it('of the files of a shared session is that of the project by which it is pasted', async () => {
    const texts = [
      '/projects/TEST/subjects/1/experiments/MR1',
      '/projects/ODD/subjects/shared_1/experiments/shared_MR1',
    ]
      .map((path) => `${path}/scans/1/resources/DICOM/files?format=csv`)
      .map(async (uri) => {
        const sent = (await catalogue.get(uri)).toString('latin1')
        expect([uri, await opened(`data${uri}`)]).toEqual([uri, { text: sent }])
        return sent
      })
    expect(new Set(await Promise.all(texts)).size).toBe(2)
  })

  it('tells at once what was changed through the mount', async () => {
    const uri = 'data/projects/TEST/resources/docs/files?format=csv'
    expect(await opened(uri)).not.toMatchObject({ text: expect.stringContaining('new.txt') as string })
    await writeFile(site.fs, 'TEST/resources/docs/new.txt', 'new')
    expect(await opened(uri)).toMatchObject({ text: expect.stringContaining('new.txt') as string })
  })

  it('that no URL has is not there', async () => {
    for (const name of ['scans?format=json', 'nothing?format=csv', 'users?format=json?', 'files?format=exe'])
      await expect(site.fs.stat(`TEST/${name}`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(opened('.xnat/scans?format=json')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the folder of a session on the disk of the server', () => {
  it('is read by the paths that REST has of it', async () => {
    const listed = JSON.parse(
      await site.server(`/data/experiments/${session}/DIR?format=json&recursive=true`),
    ) as { ResultSet: { Result: { Name: string; URI: string }[] } }
    const files = listed.ResultSet.Result.filter(
      ({ Name }) => /^(SCANS|RESOURCES|ASSESSORS|PROCESSED)\//.test(Name) && !/\/$|_catalog\.xml$/.test(Name),
    )
    expect(files.length).toBeGreaterThan(20)
    for (const { Name } of files) {
      const uri = `/data/experiments/${session}/DIR/${Name}`
      const sent = await bodyOf(site.emulator, uri)
      expect([uri, (await readFile(site.fs, uri)).equals(sent)]).toEqual([uri, true])
    }
  })
})

describe('a name with `?`', () => {
  it.each([
    'TEST/.xnat/users/Owners/admin?', // says everything by its name
    '.xnat/services/import?', // has the server do something
    '.xnat/cache/folder/file?', // may be one that somebody is about to give
    '.xnat/search/run/none?',
    'TEST/none?',
    'TEST/1?format=none',
    'data/status/upload?format=json', // would be the log of `upload.json`
    'TEST/1?format=zip',
    'TEST/subjects?label',
    'TEST/1/MR1/scans/1/DICOM/1.dcm?',
    '?',
  ])('is not there where it asks for no document: %s', async (path) => {
    await expect(site.fs.stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('what REST has below a document', () => {
  it.each([
    ['user/reader', ['roles', 'sessions']],
    ['search/elements/xnat:subjectData', ['versions']],
    ['search/saved/kept', ['results']],
  ])('is listed in the directory of it: %s', async (path, names) => {
    expect(await opened(`data/${path}`)).toEqual({ names })
    for (const name of names) {
      const uri = `data/${path}/${name}`
      expect(endedByNewline(await opened(`${uri}?`))).toEqual(await opened(uri))
      await expect(writeFile(site.fs, uri, 'text')).rejects.toMatchObject({ code: 'EPERM' })
      await expect(site.fs.unlink(uri)).rejects.toMatchObject({ code: 'EPERM' })
    }
    await expect(writeFile(site.fs, `data/${path}/new`, 'text')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(site.fs.rmdir(`data/${path}`)).rejects.toMatchObject({ code: 'EPERM' })
    await expect(site.fs.stat(`data/${path}/none`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is not there of nobody and nothing', async () => {
    for (const path of [
      'user/nobody/roles',
      'user/nobody?',
      'search/elements/subjects/versions',
      'search/saved/none/results',
    ])
      await expect(site.fs.stat(`data/${path}`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('of an account is what its own user may see', async () => {
    const theirs = await startLocalVfs({ url: site.emulator.url, user: 'member', password: 'member-pass' })
    try {
      const fs = vfsFileSystem(theirs.vfs)
      expect(await fs.list('data/user/member')).toEqual(['sessions'])
      expect((await readFile(fs, 'data/user/member/sessions')).toString()).toMatch(/^[1-9]\d*\n$/)
      await expect(fs.stat('data/user/member/roles')).rejects.toMatchObject({ code: 'EACCES' })
      site.emulator.control.setFaults([{ path: '/data/users*', fault: { kind: 'status', status: 403 } }])
      theirs.archive.refresh()
      expect(await fs.list('data/user/member')).toEqual(['sessions'])
      await expect(fs.stat('.xnat/users/member.xml')).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      site.emulator.control.setFaults([])
      await theirs.stop()
    }
  })

  it('of a search is saved by the path that curl takes', async () => {
    const text = (await readFile(site.fs, '.xnat/search/saved/kept.xml')).toString()
    await writeFile(
      site.fs,
      'data/search/saved/kept?',
      text.replace('<xdat:search_field>', '\n<xdat:search_field>'),
    )
    expect(await site.server('/data/search/saved/kept?format=xml')).not.toBe(text.trim())
    expect(await site.fs.list('.xnat/search/saved')).toEqual(['kept.xml', 'kept.csv'])
  })
})

describe('a document by the URI that curl takes', () => {
  it.each([
    ['an item', 'data/projects/TEST/subjects/1', 'subject.xml'],
    ['an event', 'data/workflows/{KEY}', ''],
  ])('is changed by what is written: %s', async (_, path) => {
    const uri = path.replace('{KEY}', catalogue.filled(rows[0]!, '{KEY}'))
    const xml = await site.server(`/${uri}?format=xml`)
    const changed = xml.replace(/ status="[^"]*"/, ' status="Failed"').replace(/>\s*$/, '>\n<!-- other -->\n')
    site.emulator.control.resetRequests()
    await writeFile(site.fs, `${uri}?`, changed)
    expect(site.changes()).toEqual([expect.stringMatching(/^PUT \/data\/(subjects|workflows)\//)])
    const sent = (await catalogue.get(uri.slice('data'.length))).toString('latin1')
    expect(await opened(`${uri}?`)).toEqual({ text: sent })
  })

  it('is not what is removed, nor what takes another form', async () => {
    for (const uri of [
      'search/saved/kept?',
      'projects/TEST/subjects/1?',
      `projects/TEST/pipelines/${catalogue.filled(rows[0]!, '{NAME OF A PIPELINE}')}?`,
      'users?',
      'scan_types',
    ]) {
      site.emulator.control.resetRequests()
      await expect(site.fs.unlink(`data/${uri}`)).rejects.toMatchObject({
        code: expect.stringMatching(/^E(PERM|ROFS)$/) as string,
      })
      expect(site.changes()).toEqual([])
    }
    await expect(writeFile(site.fs, 'data/projects/TEST/subjects/1?', '<html></html>')).rejects.toMatchObject(
      {
        code: 'EINVAL',
      },
    )
    await expect(writeFile(site.fs, 'data/users?', 'text')).rejects.toMatchObject({ code: 'EPERM' })
  })

  it('is never the page that asks for a log-in', async () => {
    const path = '/data/projects/TEST'
    site.emulator.control.setFaults([{ path, fault: { kind: 'login-page' } }])
    try {
      await expect(opened(`${path}?`)).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      site.emulator.control.setFaults([])
    }
    expect(await opened(`${path}?`)).toMatchObject({ text: expect.stringContaining('<table>') as string })
  })
})

describe('a table', () => {
  it.each([
    'user/admin/roles',
    'search/elements',
    'search/elements/xnat:subjectData',
    'search/saved/kept/results',
    'services/features',
    'prearchive',
    'prearchive/projects/TEST',
    'prearchive/projects/TEST/20260101_120000123/PRE1/logs',
    'prearchive/projects/TEST/20260101_120000123/PRE1/resources',
  ])('is what curl gets, in each form of it: %s', async (uri) => {
    for (const format of ['json', 'csv', 'xml']) {
      const sent = await catalogue.get(`/${uri}?format=${format}`)
      expect([format, await opened(`data/${uri}?format=${format}`)]).toEqual([
        format,
        { text: sent.toString('latin1') },
      ])
    }
  })
})

describe('a URI of REST that nothing but errors is answered to', () => {
  const statusOf = async (uri: string, method: 'GET' | 'PUT' | 'DELETE' = 'GET'): Promise<number> =>
    (await rest(site.emulator, method, `/data${uri}`)).status

  it('is ENOENT where XNAT has no such route', async () => {
    for (const uri of ['/pipelines', '/pipelines/catalog/a.xml', '/pipelines?format=xml']) {
      expect(await statusOf(uri)).toBe(404)
      await expect(opened(`data${uri}`)).rejects.toMatchObject({ code: 'ENOENT' })
    }
  })

  it('is ENOENT where XNAT is told too little', async () => {
    for (const uri of ['/services/workflows', '/services/workflows/Added']) {
      expect(await statusOf(uri)).toBe(404)
      await expect(opened(`data${uri}?`)).rejects.toMatchObject({ code: 'ENOENT' })
    }
    await expect(opened('data/services/workflows/Added')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await opened('data/services/workflows')).toEqual({ names: [] }) // for what is below it
  })

  it('is EIO where XNAT fails', async () => {
    expect(await statusOf('/services/audit')).toBe(500)
    await expect(opened('data/services/audit?')).rejects.toMatchObject({ code: 'EIO' })
    expect(await opened('data/services/audit')).toEqual({ names: [] }) // for what is below it
  })

  it('is refused where XNAT refuses it', async () => {
    for (const method of ['PUT', 'DELETE'] as const)
      expect(await statusOf('/user/cache/resources', method)).toBe(400)
    site.emulator.control.resetRequests()
    await expect(site.fs.mkdir('.xnat/cache')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(site.fs.rmdir('.xnat/cache')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(site.fs.mkdir('data/user/cache/resources')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(site.changes()).toEqual([])
  })
})
