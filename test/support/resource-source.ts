import type {
  Archive,
  Bundle,
  BundledFile,
  ByteRange,
  DirectoryEntry,
  FetchedBytes,
  FileEntry,
} from '../../src/archive/archive.js'
import type { SizedFile } from '../../src/data/sized-file.js'
import type { Surroundings } from '../../src/data/walk.js'
import { FsError } from '../../src/util/fs-error.js'
import { fileEntry, md5, patternBytes } from './byte-source.js'

export interface ResourceSourceOptions {
  readonly id?: number
  readonly count: number
  readonly sizeBytes: number
  readonly isSeries?: boolean
  /** The server can send all of it together. Default: yes. */
  readonly canBundle?: boolean
  /** Of what else lies in the resource. */
  readonly otherBytes?: number
}

interface Single {
  readonly name: string
  readonly urgency: string
  readonly signal: AbortSignal | undefined
  release(): void
}

/** A directory of files on a server that sends them when a test says so. */
export class ResourceSource implements Pick<Archive, 'fetch' | 'bundle' | 'contradict' | 'isReachable'> {
  isReachable = true
  readonly files: readonly SizedFile[]
  readonly singles: Single[] = []
  readonly bundles: BundleAnswer[] = []
  /** Requests for single files wait until they are released. */
  holdsSingles = false
  readonly #bytes = new Map<string, Buffer>()
  readonly #options: ResourceSourceOptions

  constructor(options: ResourceSourceOptions) {
    this.#options = options
    this.files = Array.from({ length: options.count }, (_, i) => {
      const bytes = patternBytes(options.sizeBytes, i)
      const name = `${String(i).padStart(4, '0')}.dcm`
      this.#bytes.set(name, bytes)
      const isSeriesMember = options.isSeries ?? true
      return fileEntry(bytes, { name, key: `${options.id ?? 7}/${name}`, digest: md5(bytes), isSeriesMember })
    })
  }

  get surroundings(): Surroundings {
    const directory: DirectoryEntry = {
      kind: 'directory',
      name: 'DICOM',
      id: 'resource:7',
      mtimeMs: 0,
      place: { level: 'resource' },
    }
    return { id: this.#options.id ?? 7, directory, files: () => this.files }
  }

  bytesOf(file: FileEntry): Buffer {
    return this.#bytes.get(file.name)!
  }

  get singleNames(): string[] {
    return this.singles.map(({ name }) => name)
  }

  async fetch(
    file: FileEntry,
    _range: ByteRange | undefined,
    urgency: string,
    signal?: AbortSignal,
  ): Promise<FetchedBytes> {
    const bytes = this.bytesOf(file)
    let release!: () => void
    const released = new Promise<void>((resolve) => (release = resolve))
    if (!this.holdsSingles) release()
    this.singles.push({ name: file.name, urgency, signal, release })
    await released
    return {
      isRecent: false,
      first: 0,
      rangeHonoured: true,
      totalBytes: bytes.length,
      answerVersion: 'single',
      body: [bytes] as unknown as AsyncIterable<Uint8Array>,
      discard: () => {},
    }
  }

  bundle(_: DirectoryEntry, files: readonly FileEntry[]): Bundle | undefined {
    if (this.#options.canBundle === false) return undefined
    const ownBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes!, 0)
    return {
      files,
      sizeBytes: ownBytes + (this.#options.otherBytes ?? 0),
      fetch: (signal) => {
        const answer = new BundleAnswer(this, files, signal)
        this.bundles.push(answer)
        return answer.entries()
      },
    }
  }

  contradict(): void {
    throw new Error('nothing is contradicted here')
  }
}

type Step = { readonly file: FileEntry } | 'end' | 'break'

/** One answer with many files, of which a test sends as much as it likes. */
export class BundleAnswer {
  readonly signal: AbortSignal
  /** Files that were taken in. */
  taken = 0
  readonly #source: ResourceSource
  readonly #files: readonly FileEntry[]
  readonly #steps: Step[] = []
  #next = 0
  #end = 0
  #wake: () => void = () => {}

  constructor(source: ResourceSource, files: readonly FileEntry[], signal: AbortSignal) {
    this.#source = source
    this.#files = files
    this.signal = signal
    signal.addEventListener('abort', () => this.#wake())
  }

  /** Sends the next so many files. */
  async send(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#steps.push({ file: this.#files[this.#next++]! })
    await this.#go()
  }

  /** Sends so many files from the end. */
  async sendBackwards(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#steps.push({ file: this.#files.at(--this.#end)! })
    await this.#go()
  }

  /** Passes files over, as those that did not prove to be what is listed. */
  pass(count: number): void {
    this.#next += count
  }

  async end(how: 'end' | 'break' = 'end'): Promise<void> {
    this.#steps.push(how)
    await this.#go()
  }

  async *entries(): AsyncGenerator<BundledFile> {
    for (;;) {
      while (this.#steps.length === 0 && !this.signal.aborted) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      this.signal.throwIfAborted()
      const step = this.#steps.shift()!
      if (step === 'end') return
      if (step === 'break') throw new FsError('EIO', 'the archive broke off', { nextStep: 'try again' })
      this.taken++
      yield { file: step.file, pieces: [Buffer.from(this.#source.bytesOf(step.file))] }
    }
  }

  async #go(): Promise<void> {
    this.#wake()
    await settled()
  }
}

/** Lets everything go on that can without time passing. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}
