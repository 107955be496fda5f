import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'

describe.runIf(isEmulated)('xnat-wire.md §1.4: the schemas of the data types', () => {
  let server: ContractServer
  beforeAll(async () => {
    server = await startContractServer({ empty: false })
  })
  afterAll(() => server?.close())

  const get = (path: string) => server.request('GET', path)

  test('their names are a list, and each is a schema', async () => {
    const list = await get('/xapi/schemas?format=json')
    expect(list.headers['content-type']).toBe('application/json')
    const names = JSON.parse(list.text) as string[]
    expect(names).toEqual(expect.arrayContaining(['xdat', 'xnat']))
    for (const name of names) {
      const answer = await get(`/xapi/schemas/${name}`)
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/xml;charset=UTF-8'])
      expect(answer.text).toMatch(/^<\?xml [^>]*\?>\n<xs:schema targetNamespace="http:/)
    }
    expect((await get('/xapi/schemas/none')).status).toBe(404)
    expect((await get('/xapi/schemas/constructor')).status).toBe(404)
  })

  test('the place that documents name has the same', async () => {
    const document = await get('/data/projects/TEST?format=xml')
    const [url] = /http:[^ "]*\/xnat\.xsd/.exec(document.text)!
    const answer = await get(new URL(url).pathname)
    expect(answer.text).toBe((await get('/xapi/schemas/xnat')).text)
    expect((await get('/schemas/none/none.xsd')).status).toBe(404)
  })

  test('a type has its fields and what it extends', async () => {
    const { text } = await get('/xapi/schemas/xnat')
    const type = (name: string) => new RegExp(`<xs:complexType name="${name}">.*`).exec(text)![0]
    expect(type('projectData')).toContain('<xs:attribute name="secondary_ID" type="xs:string"/>')
    expect(type('mrSessionData')).toContain('<xs:extension base="xnat:imageSessionData">')
    expect(type('imageSessionData')).toContain(
      'name="scan" minOccurs="0" maxOccurs="unbounded" type="xnat:imageScanData"',
    )
    expect(text).toContain('<xs:element name="MRSession" type="xnat:mrSessionData"/>')
  })

  test('documents have the order of the schemas, and an alias is a text', async () => {
    const { text } = await get('/data/projects/TEST/subjects/1/experiments/MR1?format=xml')
    const places = [
      '<xnat:date>',
      '<xnat:subject_ID>',
      '<xnat:dcmPatientName>',
      '<xnat:scans>',
      '<xnat:fieldStrength>',
    ]
    const found = places.map((name) => text.indexOf(name))
    expect(found).toEqual(found.toSorted((a, b) => a - b))
    expect(found[0]).toBeGreaterThan(0)
    expect((await get('/data/projects/ODD?format=xml')).text).toContain('<xnat:alias>ODDITIES</xnat:alias>')
  })

  test('who leads a project is an item in it', async () => {
    const { items } = JSON.parse((await get('/data/projects/TEST?format=json')).text) as { items: object[] }
    expect(items[0]).toMatchObject({
      children: expect.arrayContaining([
        {
          field: 'PI',
          items: [
            expect.objectContaining({
              meta: expect.objectContaining({ 'xsi:type': 'xnat:investigatorData' }),
              data_fields: { firstname: 'Ada', lastname: 'Admin' },
            }),
          ],
        },
      ]),
    })
  })
})
