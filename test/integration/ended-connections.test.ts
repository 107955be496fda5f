import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Http } from '../../src/xnat/http.js'

/** A server that ends the connection after each answer, as all of HTTP/1.0 do. */
let server: Server
let http: Http
/** The connections of the answers that the test writes itself. */
let answering: Socket[]

beforeEach(async () => {
  answering = []
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (head) => {
      if (head.toString().startsWith('GET /slow')) answering.push(socket)
      else socket.end('HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfast')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  http = new Http({ baseUrl, userAgent: 'xnatfs/test', connections: 2 })
})
afterEach(async () => {
  await http.close()
  for (const socket of answering) socket.destroy()
  server.close()
})

describe('an answer with whose end the connection ends', () => {
  it.each([
    ['with', 'Content-Length: 5\r\n'],
    ['without', ''],
  ])('is whole, though its reader was slow (%s a length)', async (_, length) => {
    const sending = http.send({ method: 'GET', path: '/slow' })
    await vi.waitFor(() => expect(answering).toHaveLength(1), { timeout: 20_000, interval: 5 })
    const [socket] = answering
    socket!.write(`HTTP/1.0 200 OK\r\n${length}\r\n`)
    const response = await sending
    // Four pieces wait for a reader; with the fifth, which is the last, the connection is told to wait.
    for (let taken = 1; taken <= 5; taken++) {
      socket!.write('x')
      const isTaken = (): void => expect(response.body.readableLength).toBe(taken)
      await vi.waitFor(isTaken, { timeout: 20_000, interval: 5 })
    }
    socket!.end()
    // By then the other connection has ended here.
    expect(await (await http.send({ method: 'GET', path: '/fast' })).text()).toBe('fast')
    expect(await response.text()).toBe('xxxxx')
  })
})
