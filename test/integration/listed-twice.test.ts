import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { XnatClient } from '../../src/xnat/client.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'

/** A server whose tables have each row twice, as some have for a user of several groups. */
let server: Server
let http: Http
let client: XnatClient

const rows = [
  { ID: 'A', label: 'one', xsiType: 'xnat:mrSessionData' },
  { ID: 'B', label: 'two', xsiType: 'xnat:mrSessionData' },
  { ID: '', label: 'no ID' },
]
const resources = [
  { xnat_abstractresource_id: '1', label: 'DICOM', category: 'scans', cat_id: '1' },
  { xnat_abstractresource_id: '1', label: 'DICOM', category: 'scans', cat_id: '2' },
  { xnat_abstractresource_id: '', label: 'none' },
]

beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url!.startsWith('/data/JSESSION')) return response.end('0'.repeat(32))
    const listed = request.url!.includes('/resources') ? resources : rows
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify({ ResultSet: { Result: listed.flatMap((row) => [row, row]) } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  http = new Http({ baseUrl, userAgent: 'xnatfs/test', connections: 2 })
  client = new XnatClient(new Session(http, { user: 'u', password: 'p' }))
})
afterEach(async () => {
  await http.close()
  server.close()
})

describe('what a server lists twice', () => {
  it('is there once', async () => {
    const lists = await Promise.all([
      client.projects(),
      client.subjects('P'),
      client.experiments('P', 'S'),
      client.scans('E'),
      client.reconstructions('E'),
      client.assessors('E'),
    ])
    for (const list of lists) expect(list.map(({ id }) => id)).toEqual(['A', 'B'])
    for (const list of [await client.allResources('E'), await client.resources({ experiment: 'E' })])
      expect(list.map(({ id, ownerId }) => [id, ownerId])).toEqual([
        ['1', '1'],
        ['1', '2'],
      ])
  })
})
