import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DelayLine } from '../../scripts/bench/delay-line.mjs'

const body = Buffer.alloc(5 * 1024 * 1024, 'what the server says')
let server: Server
let line: DelayLine

beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === '/last') response.setHeader('Connection', 'close')
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  line = await DelayLine.start((server.address() as AddressInfo).port, 50)
})
afterEach(async () => {
  await line.end()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

async function get(path: string): Promise<Buffer> {
  const response = await fetch(`http://127.0.0.1:${line.port}${path}`)
  return Buffer.from(await response.arrayBuffer())
}

it('passes every byte, later, also when the connection is closed after them', async () => {
  const startedMs = performance.now()
  expect(body.equals(await get('/first'))).toBe(true)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(49)
  expect(body.equals(await get('/last'))).toBe(true)
})

it('counts requests and bytes since the reset', async () => {
  await get('/before')
  line.counter.reset()
  await Promise.all([get('/a'), get('/b')])
  await get('/c')
  const { requests, bytes } = line.counter.read()
  expect(requests).toBe(3)
  expect(bytes).toBeGreaterThan(3 * body.length)
  expect(bytes).toBeLessThan(3 * body.length + 3000)
})
