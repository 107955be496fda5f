import { tmpdir } from 'node:os'
import { MemoryBlockCache } from '../../src/cache/memory-block-cache.js'
import { FileReaders } from '../../src/data/file-readers.js'
import type { Reading } from '../../src/data/file-readers.js'
import { Log } from '../../src/util/log.js'
import { MemoryBudget } from '../../src/util/memory-budget.js'
import { ResourceSource, settled } from './resource-source.js'
import type { ResourceSourceOptions } from './resource-source.js'

export const kiB = 1024
export const miB = 1024 * kiB

interface Answer {
  isHere: boolean
  bytes: Buffer | undefined
  error: unknown
}

/** A mount's readers over one directory. */
export class Arena {
  readonly source: ResourceSource
  readonly readers: FileReaders
  readonly lines: string[] = []

  constructor(options: ResourceSourceOptions, cacheBytes = 64 * miB) {
    this.source = new ResourceSource(options)
    this.readers = new FileReaders({
      archive: this.source,
      cache: new MemoryBlockCache({ blockSizeBytes: 128 * kiB, budget: new MemoryBudget(cacheBytes) }),
      log: new Log({ write: (line) => this.lines.push(line) }),
      spoolDirectory: tmpdir(),
    })
  }

  open(index: number): Reading {
    return this.readers.open(this.source.files[index]!, this.source.surroundings)
  }

  /** Opens a file, reads all of it and closes it. */
  read(index: number, signal?: AbortSignal): Answer {
    const file = this.source.files[index]!
    const reading = this.open(index)
    const answer: Answer = { isHere: false, bytes: undefined, error: undefined }
    const finish = (): void => {
      answer.isHere = true
      this.readers.close(reading)
    }
    Promise.resolve(reading.reader.read(0, file.sizeBytes, signal)).then(
      (bytes) => {
        answer.bytes = Buffer.from(bytes)
        finish()
      },
      (error: unknown) => {
        answer.error = error
        finish()
      },
    )
    return answer
  }

  isRight(index: number, { bytes }: Answer): boolean {
    return bytes?.equals(this.source.bytesOf(this.source.files[index]!)) ?? false
  }

  /** Reads a file that is here or comes at once. */
  async readNow(index: number): Promise<void> {
    const answer = this.read(index)
    await settled()
    if (answer.error !== undefined) throw answer.error
    if (!this.isRight(index, answer)) throw new Error(`file ${index} is not here, or wrong`)
  }

  list(): void {
    this.readers.prefetch.listed(this.source.surroundings.id)
  }
}
