import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { BackingFiles } from '../../../src/fuse/native-backing-files.js'
import type { NativeSession } from '../../../src/fuse/native-binding.js'

const ino = 7

interface Fake {
  released: number
  /** Handles that the session's threads read by themselves. */
  readonly served: number[]
}

/** A kernel that backs every file, or none. */
function session(number: number): NativeSession & Fake {
  const fake: Fake & Partial<NativeSession> = {
    released: 0,
    served: [],
    acquireBacking: () => number,
    releaseBacking: () => void fake.released++,
    serve: (_, handle) => fake.served.push(handle) > 0,
    releaseServed: (handle) =>
      void fake.served.splice(0, Infinity, ...fake.served.filter((one) => one !== handle)),
  }
  return fake as NativeSession & Fake
}

const plain = (handle: number) => ({ handle, keepCache: true })
const backed = (handle: number, backingPath = '/cache/v1') => ({ handle, keepCache: true, backingPath })

describe('BackingFiles', () => {
  it('backs all handles of one version, and lets the file go with the last', () => {
    const files = new BackingFiles()
    const kernel = session(3)
    expect([1, 2].map((handle) => files.acquire(kernel, ino, backed(handle)))).toEqual([3, 3])
    files.release(kernel, ino, 1)
    files.release(kernel, ino, 2)
    expect(kernel.released).toBe(2)
    expect(files.acquire(kernel, ino, backed(3, '/cache/v2'))).toBe(3)
  })

  it('refuses another version, and a plain open, while one is backed', () => {
    const files = new BackingFiles()
    const kernel = session(3)
    files.acquire(kernel, ino, backed(1))
    expect(files.acquire(kernel, ino, backed(2, '/cache/v2'))).toBe(-constants.errno.ESTALE)
    files.release(kernel, ino, 2)
    expect(files.acquire(kernel, ino, plain(3))).toBe(-constants.errno.ESTALE)
    files.release(kernel, ino, 3)
    files.release(kernel, ino, 1)
    expect(files.acquire(kernel, ino, plain(4))).toBe(0)
  })

  it('backs nothing while a plain handle is open', () => {
    const files = new BackingFiles()
    const kernel = session(3)
    files.acquire(kernel, ino, plain(1))
    expect(files.acquire(kernel, ino, backed(2))).toBe(0)
    files.release(kernel, ino, 1)
    expect(files.acquire(kernel, ino, backed(3))).toBe(0)
    files.release(kernel, ino, 2)
    files.release(kernel, ino, 3)
    expect(files.acquire(kernel, ino, backed(4))).toBe(3)
    expect(kernel.released).toBe(0)
  })

  it('where the kernel backs nothing, lets the threads read until the handle is closed', () => {
    const files = new BackingFiles()
    const kernel = session(-constants.errno.EPERM)
    for (const handle of [1, 2]) {
      const opened = { ...backed(handle), untilChanged: () => true }
      expect(files.acquire(kernel, ino, opened)).toBe(0)
      expect(files.serve(kernel, ino, opened)).toBe(true)
    }
    expect(kernel.served).toEqual([1, 2])
    files.release(kernel, ino, 1)
    expect(kernel.served).toEqual([2])
    files.release(kernel, ino, 2)
    expect(kernel.released).toBe(0)
  })

  it('serves nothing of which nobody will say that it has changed', () => {
    const files = new BackingFiles()
    const kernel = session(-constants.errno.EPERM)
    expect(files.acquire(kernel, ino, backed(1))).toBe(0)
    expect(files.serve(kernel, ino, backed(1))).toBe(false)
    files.release(kernel, ino, 1)
    expect(kernel.released).toBe(0)
  })
})
