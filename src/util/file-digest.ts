import { Worker } from 'node:worker_threads'

/** So much is read at a time, into the same memory. */
const pieceBytes = 1024 * 1024

interface ThreadInput {
  readonly path: string
  readonly pieceBytes: number
}

interface Progress {
  /** So much of the file will stay as it is. */
  readonly sizeBytes: number
  /** That is all of it: its MD5 is wanted. */
  readonly isAll: boolean
}

/**
 * The MD5 of a file that is still being written, made by a thread of its own: digesting takes longer than all else that
 * is done with the bytes, and nothing could be done meanwhile.
 */
export class FileDigest {
  readonly #thread: Worker
  readonly #md5: Promise<string>

  constructor(path: string) {
    const workerData: ThreadInput = { path, pieceBytes }
    this.#thread = new Worker(`(${digestThread.toString()})()`, { eval: true, workerData, stderr: true })
    this.#thread.unref()
    this.#md5 = new Promise((resolve, reject) => {
      this.#thread.once('message', resolve).once('error', reject)
      this.#thread.once('exit', () => reject(new Error('the digest was ended')))
    })
    this.#md5.catch(() => {}) // who asks for it is told
  }

  /** The file has at least so much now, which will not change any more. */
  grow(sizeBytes: number): void {
    this.#tell({ sizeBytes, isAll: false })
  }

  /** @returns lower-case hex MD5 of the file's first `sizeBytes` @throws Error when they cannot be read */
  async finish(sizeBytes: number): Promise<string> {
    this.#tell({ sizeBytes, isAll: true })
    return this.#md5
  }

  /** Nobody wants it any more. */
  end(): void {
    void this.#thread.terminate()
  }

  #tell(progress: Progress): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows of a browser
    this.#thread.postMessage(progress)
  }
}

/** Is run from its text, so that it must name nothing from outside it. */
function digestThread(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { closeSync, openSync, readSync } = process.getBuiltinModule('node:fs')
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { path, pieceBytes } = workerData as ThreadInput
  const file = openSync(path, 'r')
  const piece = Buffer.allocUnsafeSlow(pieceBytes)
  const hash = createHash('md5')
  let digestedBytes = 0
  parentPort!.on('message', ({ sizeBytes, isAll }: Progress) => {
    while (digestedBytes < sizeBytes) {
      const wanted = Math.min(piece.length, sizeBytes - digestedBytes)
      const count = readSync(file, piece, 0, wanted, digestedBytes)
      if (count === 0) throw new Error(`${path} is shorter than ${sizeBytes} bytes`)
      hash.update(piece.subarray(0, count))
      digestedBytes += count
    }
    if (!isAll) return
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows of a browser
    parentPort!.postMessage(hash.digest('hex'))
    closeSync(file)
    parentPort!.close()
  })
}
