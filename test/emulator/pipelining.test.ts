import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import { createResource } from '../support/contract-fixtures.js'
import { basic, startContractServer, type ContractServer } from '../support/contract-server.js'
import { generateArchive } from '../support/generated-archive.js'
import { multipart } from '../support/multipart.js'
import { RawConnection } from '../support/raw-http.js'

let server: ContractServer
let files: string
beforeAll(async () => {
  server = await startContractServer()
  files = `/data/projects/${server.project}/resources/BEHIND/files`
  await createResource(server, `/data/projects/${server.project}`, 'BEHIND', { 'f.txt': 'old' })
})
afterAll(() => server?.close())

// RFC 9112 §9.3.2; Tomcat takes the next request of a connection when the last one is answered.
describe('requests that come one behind the other on a connection', () => {
  test('are answered in their order, and a GET behind a PUT gets what that has stored', async () => {
    const connection = await RawConnection.open(server.url)
    try {
      const headers = { Authorization: basic(server.user, server.password) }
      for (let round = 0; round < 20; round++) {
        const { headers: type, body } = multipart({ file: `content ${String(round).padStart(2, '0')}` })
        const length = { 'Content-Length': String(body.length) }
        connection.send(`PUT ${files}/f.txt?overwrite=true`, { ...headers, ...type, ...length }, body)
        connection.send(`GET ${files}/f.txt`, headers)
        const stored = await connection.head()
        expect(stored.status).toBe(200)
        expect(stored.headers.get('content-length') ?? '0').toBe('0')
        const read = await connection.head()
        expect(read.status).toBe(200)
        const bytes = Number(read.headers.get('content-length'))
        expect((await connection.take(bytes)).toString()).toBe(`content ${String(round).padStart(2, '0')}`)
      }
    } finally {
      connection.destroy()
    }
  })

  test('are not waited for when their client has gone before they are begun with', async () => {
    const data = await generateArchive([
      { label: 'E', resources: [{ label: 'BIG', files: ['big.bin'], sizeBytes: 2_000_000 }], scans: {} },
    ])
    const emulator = await startEmulator({ data: data.manifest, latencyMs: 100 })
    try {
      const headers = { Authorization: basic(emulator.user, emulator.password) }
      const connection = await RawConnection.open(emulator.url)
      connection.send('GET /data/projects', headers)
      connection.send('GET /data/projects/GEN/subjects/S1/experiments/E/resources/BIG/files/big.bin', headers)
      await expect.poll(() => emulator.control.requests().length).toBe(2)
      connection.destroy()
      await expect.poll(() => emulator.control.requests()[1]!.status).toBe(200)
    } finally {
      await emulator.close()
      await data.remove()
    }
  })
})
