import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource } from '../support/contract-fixtures.js'
import { basic, startContractServer, type ContractServer } from '../support/contract-server.js'
import { RawConnection, type RawHead } from '../support/raw-http.js'

let server: ContractServer
let files: string
beforeAll(async () => {
  server = await startContractServer()
  files = `/data/projects/${server.project}/resources/OLD/files`
  await createResource(server, `/data/projects/${server.project}`, 'OLD', { 'f.txt': 'content' })
})
afterAll(() => server?.close())

async function get(path: string): Promise<RawHead & { body: Buffer }> {
  const connection = await RawConnection.open(server.url)
  try {
    connection.sendOld(`GET ${path}`, { Authorization: basic(server.user, server.password) })
    const head = await connection.head()
    return { ...head, body: await connection.rest() }
  } finally {
    connection.destroy()
  }
}

// RFC 9112 §6.1: no chunks for a client of HTTP/1.0, as most proxies are towards the server unless they are told otherwise.
describe('a client of HTTP/1.0', () => {
  test('gets a list to the end of the connection, without chunks', async () => {
    const { status, headers, body } = await get(files)
    expect(status).toBe(200)
    expect(headers.has('transfer-encoding')).toBe(false)
    expect(headers.has('content-length')).toBe(false)
    expect(JSON.parse(body.toString())).toMatchObject({ ResultSet: { Result: [{ Name: 'f.txt' }] } })
  })

  test('gets an archive to the end of the connection, without chunks', async () => {
    const { headers, body } = await get(`${files}?format=zip`)
    expect(headers.has('transfer-encoding')).toBe(false)
    expect(body.subarray(0, 4)).toEqual(Buffer.from('PK\x03\x04', 'latin1'))
    expect(body.subarray(-22, -18)).toEqual(Buffer.from('PK\x05\x06', 'latin1'))
  })

  test('gets a file with its length', async () => {
    const { headers, body } = await get(`${files}/f.txt`)
    expect(headers.get('content-length')).toBe('7')
    expect(body.toString()).toBe('content')
  })
})
