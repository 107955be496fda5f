import { mkdir, readFile, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { dir } from 'tmp-promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, table } from '../support/contract-fixtures.js'
import { isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

/** What happens to an archive behind the server's back: only where its disk is at hand. */
describe.runIf(isEmulated)('xnat-wire.md §8: catalogs and files changed on the server’s disk', () => {
  let server: ContractServer
  let state: string
  let parent: string
  beforeAll(async () => {
    state = (await dir({ prefix: 'xnatfs-contents-' })).path
    server = await startContractServer({ stateDirectory: state })
    parent = `/data/projects/${server.project}`
  })
  afterAll(async () => {
    await server?.close()
    await rm(state, { recursive: true, force: true })
  })

  const get = (path: string) => server.request('GET', path)
  /** The resource's folder on disk, with its catalog. */
  const folder = async (label: string, files: Readonly<Record<string, string>>) => {
    await createResource(server, parent, label, files)
    const path = join(state, 'archive', server.project, 'resources', label)
    return { path, catalog: join(path, `${label}_catalog.xml`), files: `${parent}/resources/${label}/files` }
  }
  const editCatalog = async (path: string, edit: (text: string) => string): Promise<void> =>
    writeFile(path, edit(await readFile(path, 'utf8')))

  test('an entry whose file is gone: listed, and GET is 404', async () => {
    const { path, files } = await folder('GONE', { f: 'content' })
    await unlink(join(path, 'f'))
    expect((await table(server, files)).rows[0]).toMatchObject({ Name: 'f', Size: '7' })
    expect((await get(`${files}/f`)).status).toBe(404)
  })

  test('SIZE and digest lag behind a file that was rewritten in place (§2.4)', async () => {
    const { path, files } = await folder('STALE', { f: 'content' })
    const before = (await table(server, files)).rows
    await writeFile(join(path, 'f'), 'much longer content')
    expect((await table(server, files)).rows).toEqual(before)
    expect((await get(`${files}/f`)).text).toBe('much longer content')
  })

  test('without SIZE the disk is asked; without SIZE and file it is "" (§2.4)', async () => {
    const { path, catalog, files } = await folder('NOSIZE', { a: 'aaa', b: 'b' })
    await editCatalog(catalog, (text) => text.replace(/<cat:metaField name="SIZE">\d+<\/cat:metaField>/g, ''))
    await unlink(join(path, 'b'))
    const { rows } = await table(server, files)
    expect(Object.fromEntries(rows.map(({ Name, Size }) => [Name, Size]))).toEqual({ a: '3', b: '' })
  })

  test('without a digest in the catalog the cell is ""', async () => {
    const { catalog, files } = await folder('NODIGEST', { a: 'aaa' })
    await editCatalog(catalog, (text) => text.replace(/ digest="[^"]*"/, ''))
    expect((await table(server, files)).rows[0]!['digest']).toBe('')
  })

  test('a file that no catalog has is invisible', async () => {
    const { path, files } = await folder('EXTRA', { a: 'a' })
    await writeFile(join(path, 'b'), 'b')
    expect((await table(server, files)).rows.map(({ Name }) => Name)).toEqual(['a'])
    expect((await get(`${files}/b`)).status).toBe(404)
  })

  test('a missing catalog is created empty by a GET', async () => {
    const { path, catalog, files } = await folder('MISSING', { a: 'a' })
    await unlink(catalog)
    expect((await table(server, files)).rows).toEqual([])
    expect(await readdir(path)).toContain('MISSING_catalog.xml')
  })

  test('a gzipped catalog is unpacked', async () => {
    const { catalog, files } = await folder('ZIPPED', { a: 'a' })
    await writeFile(`${catalog}.gz`, gzipSync(await readFile(catalog)))
    await unlink(catalog)
    expect((await table(server, files)).rows).toHaveLength(1)
  })

  test('a broken catalog is 404 or 500', async () => {
    const { catalog, files } = await folder('BROKEN', { a: 'a' })
    await writeFile(catalog, '<cat:Catalog><oops')
    expect([404, 500]).toContain((await get(`${files}?format=json`)).status)
    expect([404, 500]).toContain((await get(`${parent}/resources/BROKEN`)).status)
  })

  test('an entry whose URI is absolute: its path in the list is cachePath', async () => {
    const { path, catalog, files } = await folder('ABSOLUTE', { a: 'elsewhere' })
    const elsewhere = join(state, 'archive', server.project, 'elsewhere')
    await mkdir(elsewhere)
    await writeFile(join(elsewhere, 'real'), 'elsewhere')
    await unlink(join(path, 'a'))
    await editCatalog(catalog, (text) => text.replace('URI="a"', `URI="${elsewhere}/real"`))
    expect((await table(server, files)).rows[0]!['URI']).toMatch(/\/files\/a$/)
  })

  test('a DICOM catalog with size_in_bytes, as recorded from a 1.6 (§10)', async () => {
    const { catalog, files } = await folder('OLD', { 'x.dcm': '1234' })
    await writeFile(
      catalog,
      `<?xml version="1.0" encoding="UTF-8"?>
<cat:DCMCatalog UID="1.2.3" xmlns:cat="http://nrg.wustl.edu/catalog" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<cat:entries>
<cat:entry ID="x.dcm" UID="1.2.3.4" URI="x.dcm" digest="81dc9bdb52d04dc20036dbd8313ed055" format="DICOM" instanceNumber="1" name="x.dcm" xsi:type="cat:dcmEntry">
<cat:metaFields><cat:metaField name="size_in_bytes">4</cat:metaField></cat:metaFields>
</cat:entry>
</cat:entries>
</cat:DCMCatalog>`,
    )
    expect((await table(server, files)).rows[0]).toMatchObject({ Name: 'x.dcm', Size: '4' })
    const { text } = await get(`${parent}/resources/OLD`)
    expect(text).toMatch(/<cat:DCMCatalog [^>]*UID="1\.2\.3"/)
    expect(text).toMatch(/<cat:entry [^>]*UID="1\.2\.3\.4"[^>]*xsi:type="cat:dcmEntry"/)
  })

  test('nested sets of an old catalog are listed', async () => {
    const { catalog, files } = await folder('SETS', { 'x.txt': 'x' })
    await editCatalog(catalog, (text) =>
      text
        .replace('<cat:entries>', '<cat:sets><cat:entrySet ID="s"><cat:entries>')
        .replace('</cat:entries>', '</cat:entries></cat:entrySet></cat:sets>'),
    )
    expect((await table(server, files)).rows.map(({ Name }) => Name)).toEqual(['x.txt'])
  })
})

describe.runIf(isEmulated)('xnat-wire.md §8: two resources of one label', () => {
  test('files routes take the first, the catalog is 404 by label and there by number', async () => {
    const folder = (await dir({ prefix: 'xnatfs-manifest-', unsafeCleanup: true })).path
    await writeFile(join(folder, 'a.txt'), 'a')
    const resource = { label: 'TWICE', files: [{ name: 'a.txt', local: 'a.txt' }] }
    const project = { ID: 'DOUBLE', resources: [resource, resource] }
    const manifest = join(folder, 'manifest.json')
    await writeFile(manifest, JSON.stringify({ projects: [project] }))
    const server = await startContractServer({ empty: false, data: manifest })
    try {
      const base = '/data/projects/DOUBLE/resources'
      const { rows } = await table(server, base)
      expect(rows.map(({ label }) => label)).toEqual(['TWICE', 'TWICE'])
      expect((await server.request('GET', `${base}/TWICE`)).status).toBe(404)
      for (const row of rows) {
        const path = `${base}/${row['xnat_abstractresource_id']}`
        expect((await server.request('GET', path)).status).toBe(200)
        expect((await server.request('GET', `${path}/files/a.txt`)).text).toBe('a')
      }
      expect((await server.request('GET', `${base}/TWICE/files/a.txt`)).text).toBe('a')
    } finally {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
