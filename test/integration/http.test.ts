import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Http } from '../../src/xnat/http.js'
import { defaultRetryPolicy } from '../../src/xnat/retry.js'
import type { RetryPolicy } from '../../src/xnat/retry.js'

type Handler = (request: IncomingMessage, response: ServerResponse, number: number) => void

let server: Server
let http: Http
let handler: Handler
let requests: IncomingMessage[]
let waits: number[]
let now: number

const policy = (): RetryPolicy => ({
  ...defaultRetryPolicy,
  random: () => 0.5,
  now: () => now,
  sleep: (ms) => {
    waits.push(ms)
    now += ms
    return Promise.resolve()
  },
})

beforeEach(async () => {
  requests = []
  waits = []
  now = 0
  server = createServer((request, response) => {
    requests.push(request)
    handler(request, response, requests.length)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  http = new Http({ baseUrl, userAgent: 'xnatfs/test', connections: 2, retry: policy() })
})
afterEach(async () => {
  await http.close()
  server.closeAllConnections()
  server.close()
})

describe('Http', () => {
  it('does not try again what was under way, or waited for another attempt, when it hangs up', async () => {
    const other = new Http({
      baseUrl: http.baseUrl,
      userAgent: 'xnatfs/test',
      connections: 2,
      retry: {
        ...policy(),
        sleep: (ms, signal) => {
          waits.push(ms)
          return new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(signal.reason as Error)),
          )
        },
      },
    })
    handler = (request, response) => {
      if (request.url === '/broken') response.destroy()
    }
    const waiting = other.send({ method: 'GET', path: '/broken' })
    const asking = other.send({ method: 'GET', path: '/slow' })
    waiting.catch(() => {})
    asking.catch(() => {})
    await vi.waitFor(() => expect([requests.length, waits.length]).toEqual([2, 1]))
    await other.hangUp()
    await expect(waiting).rejects.toMatchObject({ code: 'unreachable' })
    await expect(asking).rejects.toMatchObject({ code: 'unreachable' })
    expect([requests.length, waits.length]).toEqual([2, 1])
  })

  it('repeats a GET that a server is too busy for, with growing waits', async () => {
    handler = (_, response, number) => {
      response.statusCode = number < 3 ? 503 : 200
      response.end('body')
    }
    const response = await http.send({ method: 'GET', path: '/x' })
    expect([response.status, await response.text()]).toEqual([200, 'body'])
    expect(waits).toEqual([20, 300])
  })

  it('believes a server that names a wait, up to a limit', async () => {
    handler = (_, response, number) => {
      response.statusCode = number === 1 ? 503 : 200
      if (number === 1) response.setHeader('retry-after', '3')
      response.end()
    }
    ;(await http.send({ method: 'GET', path: '/x' })).discard()
    expect(waits).toEqual([3000])
  })

  it('unpacks what a proxy has packed unasked, and does not take the length of the packed body for its own', async () => {
    handler = (_, response) => {
      const packed = gzipSync('text '.repeat(100))
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed)
    }
    const response = await http.send({ method: 'GET', path: '/x' })
    expect([await response.text(), response.lengthBytes]).toEqual(['text '.repeat(100), undefined])
    expect(requests[0]!.headers['accept-encoding']).toBe('identity')
  })

  it('fails when a packed body breaks off', async () => {
    handler = (_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('text '.repeat(100)).subarray(0, 20))
    }
    const response = await http.send({ method: 'GET', path: '/x' })
    await expect(response.text()).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('frees the connection of a packed body that is discarded', async () => {
    handler = (_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(Buffer.alloc(5_000_000, 'x')))
    }
    for (let i = 0; i < 5; i++) (await http.send({ method: 'GET', path: '/x' })).discard()
    expect(requests).toHaveLength(5) // over 2 connections
  })

  it('refuses a body that is packed in a way nobody knows', async () => {
    handler = (_, response) => {
      response.setHeader('content-encoding', 'zebra')
      response.end('???')
    }
    await expect(http.send({ method: 'GET', path: '/x' })).rejects.toMatchObject({
      code: 'bad-response',
      message: expect.stringContaining('packed as zebra'),
    })
  })

  it('gives the last answer when no attempt is left', async () => {
    handler = (_, response) => {
      response.statusCode = 503
      response.end('<html><h3>busy</h3></html>')
    }
    const response = await http.send({ method: 'GET', path: '/x' })
    expect(await response.toError()).toMatchObject({
      code: 'throttled',
      message: expect.stringContaining('503 busy'),
    })
    expect(requests).toHaveLength(1 + defaultRetryPolicy.delaysMs.length)
  })

  it.each(['PUT', 'POST', 'DELETE'] as const)('never repeats a %s that may have arrived', async (method) => {
    handler = (request) => request.socket.destroy()
    await expect(http.send({ method, path: '/x' })).rejects.toMatchObject({ code: 'unreachable' })
    expect(requests).toHaveLength(1)
  })

  it('repeats a PUT that is said to be repeatable, with its body anew', async () => {
    const bodies: string[] = []
    handler = (request, response, number) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        bodies.push(body)
        if (number === 1) request.socket.destroy()
        else response.end()
      })
    }
    const response = await http.send({ method: 'PUT', path: '/x', body: () => 'bytes', repeatable: true })
    response.discard()
    expect(bodies).toEqual(['bytes', 'bytes'])
  })

  it('does not follow redirects: they lead to the log-in page, and would be sent the cookie', async () => {
    handler = (_, response) => {
      response.writeHead(302, { location: '/app/template/Login.vm' }).end()
    }
    const response = await http.send({ method: 'GET', path: '/x', headers: { cookie: 'JSESSIONID=1' } })
    response.discard()
    expect([response.status, requests.length]).toEqual([302, 1])
  })

  it('is taken for no browser, asks for no encoding and accepts everything', async () => {
    handler = (_, response) => response.end()
    ;(await http.send({ method: 'GET', path: '/x' })).discard()
    const { headers } = requests[0]!
    expect(headers['user-agent']).toBe('xnatfs/test')
    expect(headers['user-agent']).not.toMatch(/MSIE|Mozilla|AppleWebKit|Opera/)
    expect([headers.accept, headers['accept-encoding']]).toEqual(['*/*', 'identity'])
  })

  it('has no more requests under way than connections, the most urgent first', async () => {
    const waiting: ServerResponse[] = []
    handler = (_, response) => waiting.push(response)
    const paths = ['/1', '/2', '/background', '/read-ahead', '/foreground'] as const
    const priorities = ['foreground', 'foreground', 'background', 'read-ahead', 'foreground'] as const
    const answers = paths.map((path, i) => http.send({ method: 'GET', path, priority: priorities[i]! }))
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(2)
    const done = Promise.all(answers.map(async (answer) => (await answer).discard()))
    while (requests.length < paths.length) {
      waiting.shift()?.end()
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const response of waiting) response.end()
    await done
    expect(requests.map((request) => request.url)).toEqual([
      '/1',
      '/2',
      '/foreground',
      '/read-ahead',
      '/background',
    ])
  })

  it('gives up a request whose caller has gone, in the queue and under way', async () => {
    handler = () => {}
    const controllers = [1, 2, 3].map(() => new AbortController())
    const sends = controllers.map(({ signal }) => http.send({ method: 'GET', path: '/x', signal }))
    await expect.poll(() => requests.length, { timeout: 10_000 }).toBe(2)
    for (const controller of controllers) controller.abort()
    for (const send of sends) await expect(send).rejects.toMatchObject({ code: 'aborted' })
    handler = (_, response) => response.end()
    ;(await http.send({ method: 'GET', path: '/x' })).discard()
  })

  it('waits for a dead server once, and then fails at once for a while', async () => {
    server.close()
    await new Promise((resolve) => setImmediate(resolve))
    const failed = http.send({ method: 'GET', path: '/x' })
    await expect(failed).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    expect(waits).toHaveLength(defaultRetryPolicy.delaysMs.length)
    await expect(http.send({ method: 'GET', path: '/x' })).rejects.toMatchObject({ code: 'unreachable' })
    expect(waits).toHaveLength(defaultRetryPolicy.delaysMs.length)
    now += defaultRetryPolicy.failFastMs + 1
    await expect(http.send({ method: 'GET', path: '/x' })).rejects.toMatchObject({ code: 'unreachable' })
    expect(waits).toHaveLength(2 * defaultRetryPolicy.delaysMs.length)
  })
})
