import { existsSync } from 'node:fs'
import { readFile, stat, utimes } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { nodeFs } from '../../src/cache/cache-disk.js'
import { withDirectory, writePieces } from '../../src/cache/cache-layout.js'
import { openFileState } from '../../src/cache/file-state.js'
import type { FileToPut, WholeFiles } from '../../src/util/whole-files.js'

/** As the addon does it, by node:fs. */
export const plainWholeFiles: WholeFiles = {
  async read(path, companion, pieces, touchBeforeMs) {
    const beside = await readFile(companion)
    if ((await stat(companion)).mtimeMs < touchBeforeMs) await utimes(companion, new Date(), new Date())
    const bytes = await readFile(path)
    const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0)
    if (bytes.length !== sizeBytes) throw Object.assign(new Error(`EIO: read '${path}'`), { code: 'EIO' })
    let at = 0
    for (const piece of pieces) {
      piece.set(bytes.subarray(at, at + piece.length))
      at += piece.length
    }
    return beside
  },
  async put(files) {
    const states: string[] = []
    for (const file of files) states.push(await put(file))
    return states
  },
  async areThere(paths) {
    return paths.map((path) => existsSync(path))
  },
  crc32: (pieces) => pieces.map((piece) => crc32(piece)),
}

async function put({ temporary, path, pieces }: FileToPut): Promise<string> {
  const handle = await withDirectory(nodeFs, temporary, () => nodeFs.open(temporary, 'wx', 0o600))
  try {
    await writePieces(handle, pieces, 0)
    await withDirectory(nodeFs, path, () => nodeFs.rename(temporary, path))
    return await openFileState(handle)
  } finally {
    await handle.close()
  }
}
