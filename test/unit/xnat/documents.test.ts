import { describe, expect, it } from 'vitest'
import {
  accessibilityDocument,
  catalogDocument,
  codeDocument,
  itemDocument,
  pipelineDocument,
  pipelinesDocument,
  prearchiveDocument,
  projectPipelinesDocument,
  savedSearchDocument,
  searchResultDocument,
  statusDocument,
  userDocument,
  usersDocument,
} from '../../../src/xnat/documents.js'

/** A URL that leads nowhere can answer 200 with another document (xnat-wire.md §1.2). */

const page = '<!DOCTYPE html>\n<html><body>XNAT</body></html>'
const header = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by XNAT -->\n'

describe('an item', () => {
  const scan = itemDocument({ experiment: 'XNAT_E1', scan: '1 2' })
  it('is known by its ID', () => {
    const xml = (id: string): string =>
      `${header}<xnat:MRScan ID="${id}" type="T1" xmlns:xnat="http://nrg.wustl.edu/xnat"/>`
    expect(scan.problem(xml('1 2'))).toBeUndefined()
    expect(scan.problem(xml('1&#32;2'))).toBeUndefined()
    expect(scan.problem(xml('1'))).toContain("'1'")
  })

  it('is not the session that a longer URL falls back to, nor a page, nor a list', () => {
    const session = `${header}<xnat:MRSession UID="1 2" ID="XNAT_E1"><xnat:scans/></xnat:MRSession>`
    for (const text of [session, page, '{"ResultSet":{"Result":[]}}', '', 'ID,label\n'])
      expect(scan.problem(text)).toBeDefined()
  })

  it('has the path of its most specific ID', () => {
    expect(scan.path).toBe('/data/experiments/XNAT_E1/scans/1%202?format=xml')
    expect(itemDocument({ experiment: 'XNAT_E1', scan: 'a+b:1' }).path).toBe(
      '/data/experiments/XNAT_E1/scans/a+b:1?format=xml',
    )
    expect(itemDocument({ project: 'P', subject: 'XNAT_S1' }).path).toBe('/data/subjects/XNAT_S1?format=xml')
  })
})

it.each([
  [catalogDocument({ project: 'P', resource: '1' }), `${header}<cat:Catalog ID="A" xmlns:cat="c"/>`],
  [savedSearchDocument('a'), `${header}<xdat:stored_search ID="a" xmlns:xdat="x"/>`],
  [searchResultDocument('a'), 'label\n1\n'],
  [statusDocument({ experiment: 'E' }), 'active'],
  [accessibilityDocument('P'), 'private'],
  [codeDocument('P', 'prearchive_code'), '11'],
  [usersDocument('P'), 'GROUP_ID,displayname,login\nP_owner,Owners,admin\n'],
  [prearchiveDocument('P'), 'project,timestamp,folderName\n'],
  [pipelinesDocument('P'), 'Name,Description,Path,Datatype,ApplicationName\n'],
  [projectPipelinesDocument('P'), `${header}<arc:project id="P" xmlns:arc="a"/>`],
  [pipelineDocument('P', 'Name'), '{"path":"/data/Name.xml"}'],
  [userDocument('admin'), '<?xml version="1.0"?>\n<user>\n    <login>admin</login>\n</user>\n'],
  [usersDocument(), '"XDAT_USER_ID","LOGIN"\n'],
])('$path is believed when it is what was asked for, and a page is not', (document, text) => {
  expect(document.problem(text)).toBeUndefined()
  expect(document.problem(page)).toBeDefined()
})

it('a table of something else is not believed', () => {
  expect(pipelineDocument('P', 'Name').problem('{"ResultSet":{"Result":[]}}')).toBeDefined()
  expect(userDocument('admin').problem('<user><login>guest</login></user>')).toBeDefined()
  expect(usersDocument('P').problem('ID,name,URI\nTEST,login,/data/projects/TEST\n')).toBeDefined()
})

it('the ID of a search is sent as the server keeps it', () => {
  expect(savedSearchDocument('@xnat:subjectData').path).toBe(
    '/data/search/saved/@xnat:subjectData?format=xml',
  )
})
