import { constants } from 'node:os'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Errno, MaybePromise, OpenReply } from '../../../src/fuse/driver.js'
import type { NativeSession } from '../../../src/fuse/native-binding.js'
import { UntoldOpens } from '../../../src/fuse/native-untold-opens.js'

const { EINTR, ESTALE } = constants.errno

const page = new Uint8Array(4096)

let now: number
let opened: number[]
let held: Set<number>
let served: Map<number, string>
let forgotten: number[]
/** What the operations answer. */
let reply: (handle: number) => MaybePromise<OpenReply | Errno>
let bytes: () => MaybePromise<Uint8Array | Errno>
let opens: UntoldOpens

beforeEach(() => {
  now = 0
  opened = []
  held = new Set()
  served = new Map()
  forgotten = []
  let last = 0
  reply = (handle) => ({ handle, keepCache: true })
  bytes = () => page
  const operations = {
    openUntold: (ino: number) => {
      opened.push(ino)
      held.add(++last)
      return reply(last)
    },
    read: (handle: number) => (held.has(handle) ? bytes() : constants.errno.EBADF),
    release: (handle: number) => (held.delete(handle) ? 0 : constants.errno.EBADF),
  }
  opens = new UntoldOpens({ operations, forget: (ino) => forgotten.push(ino), now: () => now })
  opens.serve({
    serve: (ino: number, _key: number, path: string) => Boolean(served.set(ino, path)),
    releaseServed: (ino: number) => void served.delete(ino),
  } as unknown as NativeSession)
})

const read = (ino: number, lengthBytes = 4096, signal = new AbortController().signal) =>
  opens.read(ino, 0, lengthBytes, signal)

describe('a file that is read without having been opened', () => {
  it('is opened by its first read, once, and closed when nothing was read for a while', () => {
    for (let i = 0; i < 3; i++) expect(read(5)).toHaveLength(4096)
    expect(opened).toEqual([5])
    now = 4999
    opens.sweep()
    expect(held.size).toBe(1)
    now = 5000
    opens.sweep()
    expect([held.size, opens.size]).toEqual([0, 0])
    void read(5)
    expect(opened).toEqual([5, 5])
  })

  it('is opened once by who reads at the same time', async () => {
    reply = async (handle) => ({ handle, keepCache: true })
    expect(await Promise.all([read(5), read(5)])).toEqual([new Uint8Array(4096), new Uint8Array(4096)])
    expect(opened).toEqual([5])
  })

  it('is closed when its end was read, and the kernel has all answers', async () => {
    const waiting: ((bytes: Uint8Array) => void)[] = []
    bytes = () => new Promise((resolve) => waiting.push(resolve))
    const [first, last] = [read(5), read(5)]
    waiting[1]!(new Uint8Array(100))
    await last
    expect(held.size).toBe(1)
    waiting[0]!(new Uint8Array(4096))
    await first
    expect(held.size).toBe(0)
  })

  it('is closed when it cannot be read, and opened anew by who reads it then', () => {
    bytes = () => ESTALE
    expect(read(5)).toBe(ESTALE)
    expect(held.size).toBe(0)
    bytes = () => new Uint8Array(10)
    expect(read(5)).toHaveLength(10)
  })

  it('gives the reason why it cannot be opened, and keeps nothing', async () => {
    reply = (handle) => (held.delete(handle), Promise.resolve(ESTALE))
    expect(await read(5)).toBe(ESTALE)
    expect(opens.size).toBe(0)
  })

  it('is closed when the kernel forgets it, after what is being read', async () => {
    let answer!: (bytes: Uint8Array) => void
    bytes = () => new Promise((resolve) => (answer = resolve))
    const reading = read(5)
    opens.close(5)
    expect(held.size).toBe(1)
    answer(new Uint8Array(4096))
    expect(await reading).toHaveLength(4096)
    expect(held.size).toBe(0)
  })

  it('does not keep who is told to stop waiting until it is open', async () => {
    let open!: (reply: OpenReply) => void
    reply = () => new Promise((resolve) => (open = resolve))
    const controller = new AbortController()
    const reading = read(5, 4096, controller.signal)
    controller.abort()
    expect(await reading).toBe(EINTR)
    open({ handle: 1, keepCache: true })
    await expect.poll(() => held.size).toBe(0)
  })

  it('is read from where it lies, until it changes or is closed', () => {
    let stop!: () => void
    reply = (handle) => ({
      handle,
      keepCache: true,
      backingPath: '/cache/f',
      untilChanged: (changed) => Boolean((stop = changed)),
    })
    void read(5)
    expect(served).toEqual(new Map([[5, '/cache/f']]))
    stop()
    expect(forgotten).toEqual([5])
    opens.close(5)
    expect(served.size).toBe(0)
  })

  it('is one of a limited number, however many are read', () => {
    for (let ino = 2; ino < 200_002; ino++) void read(ino)
    expect(held.size).toBeLessThanOrEqual(256)
    expect(opens.size).toBe(held.size)
    now = 5000
    opens.sweep()
    expect([held.size, opens.size]).toEqual([0, 0])
  }, 60_000)

  it('is closed at the end of the mount', () => {
    void read(5)
    opens.end()
    expect([held.size, opens.size]).toEqual([0, 0])
  })
})
