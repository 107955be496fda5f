import type { Trust } from '../cache/block-cache.js'
import type { FetchedBytes } from '../archive/archive.js'
import { Attempts } from '../util/attempts.js'
import { FsError } from '../util/fs-error.js'
import type { MemoryBudget } from '../util/memory-budget.js'
import type { Log } from '../util/log.js'
import { md5Here } from '../util/md5.js'
import type { Md5 } from '../util/md5.js'
import { isAlone } from '../util/pieces.js'

export interface WholeFileRequest {
  readonly name: string
  readonly sizeBytes: number
  readonly digest: string | undefined
  readonly blockSizeBytes: number
  /** The blocks are part of it until they are handed over. */
  readonly budget: MemoryBudget
  readonly fetch: () => Promise<FetchedBytes>
  /** Another size than listed came, from a server that does not announce sizes. @returns the error to throw */
  readonly onOtherSize: (sizeBytes: number, answerVersion: string) => FsError
  readonly md5?: Md5 | undefined
  readonly log: Log
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
}

/** The blocks of a small file, once all are here and prove to be what the catalog says. */
export async function fetchWholeFile(
  request: WholeFileRequest,
): Promise<{ readonly blocks: readonly Buffer[]; readonly trust: Trust }> {
  const giveBack = await request.budget.reserve(request.sizeBytes, request.signal)
  try {
    return await fetchProved(request)
  } finally {
    giveBack()
  }
}

async function fetchProved(
  request: WholeFileRequest,
): Promise<{ readonly blocks: readonly Buffer[]; readonly trust: Trust }> {
  const blocks = await download(request)
  const { digest, name, md5 = md5Here } = request
  if (digest === undefined) return { blocks, trust: 'proven' }
  const found = await md5(blocks)
  if (found === digest) return { blocks, trust: 'proven' }
  // Either the transfer went wrong, or the file was changed in place and its catalog not: another one tells.
  const again = await download(request)
  const foundAgain = await md5(again)
  if (foundAgain === digest) return { blocks: again, trust: 'proven' }
  if (foundAgain !== found) {
    throw new FsError(
      'EIO',
      `read ${name}: two transfers brought different bytes, neither those of the catalog`,
      { nextStep: 'read it again, and if it stays so tell the administrators of the server' },
    )
  }
  request.log.warn(`read ${name}: its digest in the catalog is out of date; the stored bytes are shown`)
  return { blocks: again, trust: 'doubtful' }
}

async function download(request: WholeFileRequest): Promise<Buffer[]> {
  const attempts = new Attempts({ limit: 3, delayMs: 200, sleep: request.sleep })
  for (;;) {
    const bytes = await request.fetch()
    try {
      return await collect(request, bytes)
    } catch (error) {
      if (isStale(error)) throw error
      await attempts.again(error, request.signal)
    }
  }
}

/** Most bodies come in pieces that are blocks already. */
async function collect(request: WholeFileRequest, bytes: FetchedBytes): Promise<Buffer[]> {
  const { sizeBytes, blockSizeBytes } = request
  const blocks: Buffer[] = []
  let filled = 0
  for await (const chunk of bytes.body) {
    const isBlock =
      filled % blockSizeBytes === 0 && chunk.length === Math.min(blockSizeBytes, sizeBytes - filled)
    if (isBlock && chunk.length > 0 && isAlone(chunk)) {
      blocks.push(Buffer.from(chunk.buffer))
      filled += chunk.length
      continue
    }
    for (let taken = 0; taken < chunk.length && filled + taken < sizeBytes;) {
      const position = filled + taken
      const inBlock = position % blockSizeBytes
      if (inBlock === 0) blocks.push(Buffer.allocUnsafeSlow(Math.min(blockSizeBytes, sizeBytes - position)))
      const block = blocks.at(-1)!
      const part = chunk.subarray(taken, taken + block.length - inBlock)
      block.set(part, inBlock)
      taken += part.length
    }
    filled += chunk.length
  }
  if (filled === sizeBytes) return blocks
  if (filled > sizeBytes) throw request.onOtherSize(filled, bytes.answerVersion)
  throw new FsError('EIO', `read ${request.name}: ${filled} bytes came of ${sizeBytes}`, {
    nextStep: 'read it again',
  })
}

function isStale(error: unknown): boolean {
  return error instanceof FsError && error.code === 'ESTALE'
}
