import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { ExactPaths } from '../../../src/archive/exact-paths.js'
import type { UploadTarget } from '../../../src/archive/streamed-upload.js'
import { StreamedUploads } from '../../../src/archive/streamed-uploads.js'
import { Log } from '../../../src/util/log.js'
import type { HttpRequest } from '../../../src/xnat/http.js'
import { HttpResponse } from '../../../src/xnat/http.js'
import type { Session } from '../../../src/xnat/session.js'
import { XnatError } from '../../../src/xnat/xnat-error.js'

const target = (path = 'a.bin'): UploadTarget => ({
  part: { address: { experiment: 'E1', resource: '7' }, item: '', label: '', fileCount: 0, isSeries: false },
  path,
  replaces: undefined,
})

/** Bytes that come when the test says so. */
class Bytes {
  isAbandoned = false
  end: () => void = () => {}
  fail: (error: Error) => void = () => {}
  readonly #rest = new Promise<void>((resolve, reject) => {
    this.end = resolve
    this.fail = reject
  })

  constructor() {
    this.#rest.catch(() => {})
  }

  async *chunks(): AsyncGenerator<Buffer> {
    yield Buffer.from('the bytes')
    await this.#rest
  }

  async md5(): Promise<string> {
    await this.#rest
    return md5
  }

  abandon(reason: string): void {
    this.isAbandoned = true
    this.fail(new Error(reason))
  }
}

const md5 = createHash('md5').update('the bytes').digest('hex')

type Answer = (body: string | undefined, request: HttpRequest) => HttpResponse

/** Reads bodies to their end and answers, or answers without. */
class FakeServer {
  readonly bodies: string[] = []
  readonly lines: string[] = []
  /** What it does before it reads. */
  early: Answer | undefined
  late: Answer = () => answer(200)
  readonly uploads: StreamedUploads

  constructor(most = 2) {
    const session = { send: (request: HttpRequest) => this.#send(request) } as unknown as Session
    const exact = { of: () => Promise.resolve('exact') } as unknown as ExactPaths
    const log = new Log({ write: (line) => this.lines.push(line) })
    this.uploads = new StreamedUploads({ session, exact, log, most })
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    const body = request.body!() as Readable
    request.signal?.addEventListener('abort', () => body.destroy(new XnatError('aborted', 'given up')))
    if (this.early) {
      body.destroy()
      return this.early(undefined, request)
    }
    let text = ''
    try {
      for await (const chunk of body) text += (chunk as Buffer).toString()
    } catch (cause) {
      throw new XnatError('unreachable', 'the connection broke off', { cause })
    }
    this.bodies.push(text)
    return this.late(text, request)
  }
}

function answer(status: number, type = 'text/plain'): HttpResponse {
  const data = { statusCode: status, headers: { 'content-type': type }, body: Readable.from([]) }
  return new HttpResponse({ method: 'PUT' }, '/', data)
}

describe('StreamedUpload', () => {
  it('holds the end of its body back until it is finished', async () => {
    const server = new FakeServer()
    const bytes = new Bytes()
    const upload = server.uploads.start(target(), bytes)!
    bytes.end()
    await new Promise((resolve) => setImmediate(resolve))
    expect(server.bodies).toEqual([])
    expect(await upload.finish()).toBe(md5)
    expect(server.bodies[0]).toMatch(/^--(xnatfs-\w+)\r\n[^]*\r\n\r\nthe bytes\r\n--\1--\r\n$/)
  })

  it.each([
    ['is abandoned', (_: Bytes, abandon: () => void) => abandon()],
    ['has bytes that change', (bytes: Bytes) => bytes.fail(new Error('changed'))],
  ])('stores nothing when it %s', async (_, breakOff) => {
    const server = new FakeServer()
    const bytes = new Bytes()
    const upload = server.uploads.start(target(), bytes)!
    breakOff(bytes, () => upload.abandon())
    expect(await upload.finish()).toBeUndefined()
    expect(server.bodies).toEqual([])
    expect(bytes.isAbandoned).toBe(true)
  })

  it.each([200, 401, 413, 500])('counts for nothing when %s comes before its end', async (status) => {
    const server = new FakeServer()
    server.early = () => answer(status)
    const bytes = new Bytes()
    const upload = server.uploads.start(target(), bytes)!
    const finished = upload.finish()
    bytes.end()
    expect(await finished).toBeUndefined()
    await upload.over()
    expect(await upload.finish()).toBeUndefined()
  })

  it('fails when the server fails after its end: it may have been stored', async () => {
    const server = new FakeServer()
    server.late = () => answer(500)
    const bytes = new Bytes()
    const upload = server.uploads.start(target(), bytes)!
    bytes.end()
    await expect(upload.finish()).rejects.toThrow('500')
  })

  it('is for one file only', () => {
    const { uploads } = new FakeServer()
    const upload = uploads.start(target(), new Bytes())!
    expect(upload.isFor(target())).toBe(true)
    expect(upload.isFor(target('b.bin'))).toBe(false)
    upload.abandon()
  })
})

describe('StreamedUploads', () => {
  it('starts no more than it may, and another when one is over', async () => {
    const { uploads } = new FakeServer(1)
    const first = uploads.start(target(), new Bytes())!
    expect(uploads.start(target('b.bin'), new Bytes())).toBeUndefined()
    first.abandon()
    await first.over()
    const second = uploads.start(target('b.bin'), new Bytes())
    expect(second).toBeDefined()
    second!.abandon()
  })

  it.each([
    [400, 'early'],
    [411, 'early'],
    [501, 'early'],
    [411, 'late'],
  ] as const)('starts none after a server has answered %s, %s', async (status, when) => {
    const server = new FakeServer()
    server[when] = () => answer(status)
    const bytes = new Bytes()
    const upload = server.uploads.start(target(), bytes)!
    bytes.end()
    expect(await upload.finish()).toBeUndefined()
    await upload.over()
    expect(server.uploads.start(target(), new Bytes())).toBeUndefined()
    expect(server.lines).toHaveLength(1)
  })

  it('starts more after any other failure', async () => {
    const server = new FakeServer()
    server.early = () => answer(503)
    const upload = server.uploads.start(target(), new Bytes())!
    await upload.over()
    server.early = undefined
    const bytes = new Bytes()
    bytes.end()
    expect(await server.uploads.start(target(), bytes)!.finish()).toBe(md5)
  })
})
