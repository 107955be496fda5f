import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite } from '../support/control-site.js'
import { bodyOf } from '../support/emulator-rest.js'
import { readFile } from '../support/file-system.js'
import { RestCatalogue, asPasted, markOf, rows as allRows } from '../support/rest-catalogue.js'
import type { Opened } from '../support/rest-catalogue.js'
import type { MapRow } from '../support/rest-map.js'

/**
 * The rows of docs/rest-map.md that say which path of the mount is which path of REST, however that is spelled, on the
 * generated sample. What each URI opens when it is pasted, of all rows, is in rest-questions.test.ts, and in
 * test/e2e/pasted-uris.test.ts by a real mount.
 */

const rows = allRows.filter(({ proof }) => proof.includes('`test/integration/rest-map.test.ts`'))

const site = useControlSite({ listingTtl: 60 })
let catalogue: RestCatalogue
let accessionIds: Labels
beforeAll(async () => {
  catalogue = await RestCatalogue.of(site.emulator)
  const idOf = async (list: string, label: string): Promise<string> =>
    (await catalogue.table(list)).find((row) => row['label'] === label)!['ID']!
  accessionIds = {
    S: await idOf('/projects/TEST/subjects', labels.S),
    E: await idOf('/projects/TEST/experiments', labels.E),
    A: await idOf('/projects/TEST/subjects/1/experiments/MR1/assessors', labels.A),
  }
})

type Labels = Readonly<Record<'S' | 'E' | 'A', string>>
const labels: Labels = { S: '1', E: 'MR1', A: 'ASSESS1' }

/** Other ways to the same: with labels and with IDs, with and without project and subject (xnat-wire.md §1.3). */
function spellings(row: MapRow): { readonly uri: string; readonly isRest: boolean }[] {
  const { uri } = row
  const other = (template: string, names: Labels, isRest = true): { uri: string; isRest: boolean } => ({
    uri: catalogue.filled(row, template, names),
    isRest,
  })
  const subject = '/projects/{P}/subjects/{S}'
  const below = uri.replace(/^(\/projects\/\{P\}\/subjects\/\{S\})?\/experiments\/\{E\}/, '')
  if (below !== uri) {
    const inProject = `/projects/{P}/experiments/{E}${below}`
    return [
      other(`/experiments/{E}${below}`, accessionIds),
      other(`${subject}/experiments/{E}${below}`, labels),
      other(`${subject}/experiments/{E}${below}`, accessionIds),
      // REST has no more of an experiment there than its resources, and no experiments below `/subjects`; the mount has.
      ...[labels, accessionIds].map((names) => other(inProject, names, /^($|\/resources)/.test(below))),
    ]
  }
  if (!uri.startsWith(subject)) return []
  const shorter = uri.replace(subject, '/subjects/{S}')
  return [other(uri, accessionIds), other(shorter, accessionIds, !/\/experiments/.test(shorter))]
}

describe('pasting each documented URI after the mountpoint opens the content that curl gets', () => {
  it('of many rows', () => {
    expect(rows.length).toBeGreaterThan(50)
  })

  it.each(rows)('$uri', async (row) => {
    const kept = await catalogue.keptOf(row)
    const sent = await catalogue.sentOf(row)
    const read = async (path: string): Promise<Opened> =>
      'names' in sent
        ? { names: (await site.fs.list(path)).toSorted() }
        : { text: (await readFile(site.fs, path)).toString('latin1') }
    expect(await read(catalogue.placeOf(row))).toEqual(kept)
    for (const spelling of [catalogue.uriOf(row), ...spellings(row).map((other) => other.uri)])
      for (const prefix of ['data', 'data/archive', 'REST']) {
        const pasted = `${prefix}${spelling}`
        const mark = markOf(row)
        if (mark !== undefined) expect([pasted, await followed(pasted)]).toEqual([pasted, 'directory'])
        const opened = asPasted(spelling + (mark ?? ''), await read(`${pasted}${mark ?? ''}`))
        expect([pasted, opened]).toEqual([pasted, asPasted(spelling + (mark ?? ''), sent)])
      }
  })

  const respelled = rows.filter(({ uri }) =>
    /^(\/experiments\/\{E\}|\/projects\/\{P\}\/subjects\/\{S\})/.test(uri),
  )
  it.each(respelled)('$uri, which REST answers alike however it is spelled', async (row) => {
    const expected = await catalogue.sentOf(row)
    for (const { uri } of spellings(row).filter(({ isRest }) => isRest))
      expect([uri, await catalogue.sentOf(row, uri)]).toEqual([uri, expected])
  })
})

describe('pasting a URI with a wildcard or a short-cut opens the files that curl gets', () => {
  const session = '/projects/TEST/subjects/1/experiments/MR1'

  it.each([
    '/projects/TEST/files',
    '/projects/TEST/subjects/1/files',
    ...[
      '/files',
      '/scans/1/files',
      '/scans/1,2/files',
      '/scans/ALL/files',
      '/scans/*/files',
      '/scans/T1/files',
      '/scans/T1,T2/resources/DICOM/files',
      '/scans/3,T1/resources/DICOM,SNAPSHOTS/files',
      '/scans/ALL/resources/SNAPSHOTS/files',
      '/reconstructions/RECON1/files',
      '/reconstructions/RECON1/in/files',
      '/reconstructions/average/out/files',
      '/reconstructions/ALL/out/resources/DATA/files',
      '/assessors/ASSESS1/files',
      '/assessors/ALL/out/files',
      '/assessors/*/out/resources/QCDATA/files',
      '/assessors/xnat:qcManualAssessorData/out/resources/QCDATA/files',
    ].map((path) => session + path),
  ])('%s', async (uri) => {
    const sent: string[] = []
    for (const row of await catalogue.table(uri))
      sent.push((await bodyOf(site.emulator, row['URI']!)).toString('latin1'))
    expect(sent.length).toBeGreaterThan(0)
    for (const prefix of ['data', 'data/archive', 'REST'])
      expect((await textsBelow(prefix + uri)).toSorted()).toEqual(sent.toSorted())
    const byId = uri.replace(session, `/experiments/${accessionIds.E}`)
    expect((await textsBelow(`data${byId}`)).toSorted()).toEqual(sent.toSorted())
  })
})

async function textsBelow(path: string): Promise<string[]> {
  if ((await followed(path)) === 'file') return [(await readFile(site.fs, path)).toString('latin1')]
  const texts = (await site.fs.list(path)).map((name) => textsBelow(`${path}/${name}`))
  return (await Promise.all(texts)).flat()
}

async function followed(path: string): Promise<'directory' | 'file'> {
  try {
    await site.fs.list(path)
    return 'directory'
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOTDIR') return 'file'
    throw error
  }
}
