import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { Counters } from '../../src/util/counters.js'
import { Log } from '../../src/util/log.js'
import { Http } from '../../src/xnat/http.js'
import { Session } from '../../src/xnat/session.js'
import { Traffic, kindOf } from '../../src/xnat/traffic.js'

let emulator: RunningEmulator
let counters: Counters
let lines: string[]
let session: Session
beforeAll(async () => {
  emulator = await startEmulator({})
})
afterAll(() => emulator.close())
beforeEach(() => {
  counters = new Counters()
  lines = []
  const observer = new Traffic(counters, new Log({ write: (line) => lines.push(line) }))
  const http = new Http({ baseUrl: emulator.url, userAgent: 'test', observer })
  session = new Session(http, { user: emulator.user, password: emulator.password })
})

const files = '/data/projects/TEST/subjects/1/experiments/MR1/resources/QC/files'

describe('what goes over the wire', () => {
  it('is counted by what it is for, as the server counts it', async () => {
    emulator.control.resetRequests()
    const get = async (path: string): Promise<number> => {
      const response = await session.send({ method: 'GET', path, html: 'as-file' })
      return (await response.bytes()).length
    }
    const put = async (name: string, body: () => Readable | string): Promise<void> => {
      const path = `${files}/${name}?inbody=true`
      await (await session.send({ method: 'PUT', path, html: 'allowed', body })).bytes()
    }
    await put('a.bin', () => 'x'.repeat(1000))
    await put('b.bin', () => Readable.from([Buffer.alloc(300), Buffer.alloc(400)], { objectMode: false }))
    const file = await get(`${files}/a.bin`)
    const archive = await get(`${files}?format=zip`)
    const listing = await get('/data/projects?format=json')
    await get('/data/projects/NONE/resources')

    const { requests } = counters
    // XNAT takes a body whose length it is not told as multipart only.
    expect(requests.upload).toMatchObject({ count: 2, failed: 1, sentBytes: 1700 })
    expect(requests.file).toMatchObject({ count: 1, failed: 0, receivedBytes: file })
    expect(requests.archive).toMatchObject({ count: 1, failed: 0, receivedBytes: archive })
    expect(requests.listing).toMatchObject({ count: 2, failed: 1 })
    expect(requests.listing.receivedBytes).toBeGreaterThanOrEqual(listing)
    expect(requests['log-in'].count).toBe(1)
    const received = Object.values(requests).reduce((sum, { receivedBytes }) => sum + receivedBytes, 0)
    const sent = emulator.control.requests().reduce((sum, { responseBytes }) => sum + responseBytes, 0)
    expect(received).toBe(sent)
  })

  it('is told without secrets', async () => {
    const path = '/data/services/tokens/validate/some-alias/some-secret'
    await (await session.send({ method: 'GET', path, html: 'allowed' }).catch(() => undefined))?.bytes()
    const text = lines.join('\n')
    expect(text).toContain('http 1: POST /data/JSESSION {')
    expect(text).toMatch(/authorization: <redacted>/)
    expect(text).toMatch(/ ms: 200 \{.*set-cookie: <redacted>/)
    const basic = Buffer.from(`${emulator.user}:${emulator.password}`).toString('base64')
    for (const secret of [basic, 'some-secret', 'some-alias']) expect(text).not.toContain(secret)
    expect(text).not.toMatch(/JSESSIONID=(?!<redacted>)/)
  })

  it('that fails is counted as failed', async () => {
    const nowhere = new Http({
      baseUrl: 'http://127.0.0.1:1',
      userAgent: 'test',
      observer: new Traffic(counters, undefined),
      retry: {
        delaysMs: [],
        failFastMs: 0,
        sleep: () => Promise.resolve(),
        now: Date.now,
        random: Math.random,
      },
    })
    await expect(nowhere.send({ method: 'GET', path: '/data/projects' })).rejects.toMatchObject({
      code: 'unreachable',
    })
    expect(counters.requests.listing).toMatchObject({ count: 1, failed: 1 })
  })
})

describe('the kind of a request', () => {
  it.each([
    ['GET', '/data/experiments/E/scans/1/resources/12/files/a/b.dcm', 'file'],
    ['GET', '/xnat/data/experiments/E/resources/12/files/data/JSESSION', 'file'],
    ['GET', '/data/experiments/E/scans/1/resources/12/files?format=zip&compression=0', 'archive'],
    ['GET', '/data/experiments/E/scans/1/resources/12/files/folder/?format=zip&compression=0', 'archive'],
    ['GET', '/data/experiments/E/scans/1/resources/12/files?format=json', 'listing'],
    ['PUT', '/data/experiments/E/scans/1/resources/12/files/a.nii?overwrite=true', 'upload'],
    ['DELETE', '/data/experiments/E/scans/1/resources/12/files/a.nii', 'change'],
    ['PUT', '/data/experiments/E/resources/NEW', 'change'],
    ['POST', '/data/JSESSION', 'log-in'],
    ['GET', '/xapi/users/username', 'log-in'],
  ] as const)('%s %s: %s', (method, path, kind) => expect(kindOf({ method, path })).toBe(kind))
})
