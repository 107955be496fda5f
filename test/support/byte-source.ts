import { createHash } from 'node:crypto'
import type {
  Archive,
  Bundle,
  ByteRange,
  FetchedBytes,
  FileEntry,
  FileFacts,
} from '../../src/archive/archive.js'
import type { SizedFile } from '../../src/data/sized-file.js'
import { FsError } from '../../src/util/fs-error.js'

/** Bytes in which every position is recognisable. */
export function patternBytes(sizeBytes: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16) * 7 + seed) & 0xff
  return bytes
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

export function fileEntry(bytes: Uint8Array, changes: Partial<FileEntry> = {}): SizedFile {
  const entry: FileEntry = {
    kind: 'file',
    name: 'a.bin',
    id: 'file:a.bin',
    mtimeMs: 0,
    place: { level: 'file' },
    key: '1/a.bin',
    version: 'v1',
    digest: undefined,
    isSeriesMember: false,
    sizeBytes: bytes.length,
    ...changes,
  }
  return { ...entry, sizeBytes: entry.sizeBytes! }
}

interface Fetch {
  readonly range: ByteRange | undefined
  readonly signal: AbortSignal | undefined
}

/** Serves the bytes of one file as a server would, and lets a test say how. */
export class ByteSource implements Pick<Archive, 'fetch' | 'bundle' | 'contradict' | 'isReachable'> {
  isReachable = true
  isRecent = false
  bytes: Uint8Array
  answerVersion = 'a1'
  honoursRange = true
  announcesSize = true
  chunkBytes = 10_000
  /** Each answer takes the next of these: it ends with an error after so many bytes. */
  breakAfter: (number | undefined)[] = []
  /** Called before each chunk; may wait, change things or throw. */
  beforeChunk: (sent: number, fetch: number) => Promise<void> | void = () => {}
  readonly fetches: Fetch[] = []
  readonly contradictions: FileFacts[] = []
  sentBytes = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  fetch(
    _: FileEntry,
    range: ByteRange | undefined,
    __?: unknown,
    signal?: AbortSignal,
  ): Promise<FetchedBytes> {
    const number = this.fetches.length
    this.fetches.push({ range, signal })
    const isPart = range !== undefined && this.honoursRange
    const first = isPart ? range.first : 0
    const bytes = this.bytes.subarray(first, isPart ? range.last + 1 : undefined)
    return Promise.resolve({
      first,
      rangeHonoured: range === undefined || this.honoursRange,
      totalBytes: this.announcesSize ? this.bytes.length : undefined,
      answerVersion: this.answerVersion,
      isRecent: this.isRecent,
      body: this.#body(bytes, number, signal),
      discard: () => {},
    })
  }

  bundle(): Bundle | undefined {
    return undefined
  }

  contradict(_: FileEntry, facts: FileFacts): void {
    this.contradictions.push(facts)
  }

  async *#body(bytes: Uint8Array, number: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const breakAfter = this.breakAfter.shift() ?? Number.POSITIVE_INFINITY
    for (let sent = 0; sent < bytes.length;) {
      await this.beforeChunk(sent, number)
      signal?.throwIfAborted()
      const chunk = bytes.subarray(sent, Math.min(sent + this.chunkBytes, breakAfter))
      if (chunk.length === 0) throw new FsError('EIO', 'the connection broke off', { nextStep: 'try again' })
      this.sentBytes += chunk.length
      sent += chunk.length
      yield chunk
    }
  }
}
