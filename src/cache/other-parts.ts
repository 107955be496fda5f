import { join } from 'node:path'
import type { ListedVersion, VersionKey } from './block-cache.js'
import { blockLength } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import type { CacheDisk } from './cache-disk.js'
import { fileId, partDirectory, partSuffix, readExactly, sumsSuffix } from './cache-layout.js'
import type { OpenHandles } from './open-handles.js'

interface OtherPart {
  readonly path: string
  readonly sums: BlockSums
}

/** A file of one block is complete with it: there is no need to look. */
export function canBePart({ sizeBytes }: ListedVersion, blockSizeBytes: number): boolean {
  return sizeBytes > blockSizeBytes
}

/** What other processes have of a large file, when one last looked. A block counts if its sum is right. */
export class OtherParts {
  readonly #disk: CacheDisk
  readonly #handles: OpenHandles
  readonly #parts: readonly OtherPart[]

  private constructor(disk: CacheDisk, handles: OpenHandles, parts: readonly OtherPart[]) {
    this.#disk = disk
    this.#handles = handles
    this.#parts = parts
  }

  /** @param own the name of this process, whose part is not looked at */
  static async look(
    { disk, server, handles }: { disk: CacheDisk; server: string; handles: OpenHandles },
    listed: ListedVersion,
    blockSizeBytes: number,
    own: string,
  ): Promise<OtherParts> {
    if (!canBePart(listed, blockSizeBytes)) return new OtherParts(disk, handles, [])
    const directory = partDirectory(server, fileId(listed.file, listed.version))
    const names = (await disk.read(() => disk.fs.readdir(directory))) ?? []
    const parts: OtherPart[] = []
    for (const name of names.filter((other) => other.endsWith(partSuffix))) {
      const path = join(directory, name)
      if (name === own + partSuffix) continue
      const sumsPath = path.slice(0, -partSuffix.length) + sumsSuffix
      const bytes = await disk.read(() => disk.fs.readFile(sumsPath))
      const sums = bytes && BlockSums.parse(bytes)
      if (sums && isOf(sums, listed, blockSizeBytes)) parts.push({ path, sums })
    }
    return new OtherParts(disk, handles, parts)
  }

  get answerVersion(): string | undefined {
    return this.#parts[0]?.sums.key.answerVersion
  }

  has(key: VersionKey, index: number): boolean {
    return this.#parts.some(({ sums }) => sums.key.id === key.id && sums.has(index))
  }

  async read(key: VersionKey, index: number): Promise<Uint8Array | undefined> {
    for (const { path, sums } of this.#parts) {
      if (sums.key.id !== key.id || !sums.has(index)) continue
      const { blockSizeBytes } = sums
      const lengthBytes = blockLength(key.sizeBytes, blockSizeBytes, index)
      const bytes = await this.#disk.read(() =>
        this.#handles.use(path, sums, (handle) => readExactly(handle, index * blockSizeBytes, lengthBytes)),
      )
      if (bytes && sums.matches(index, bytes)) return bytes
    }
    return undefined
  }
}

function isOf({ key, blockSizeBytes }: BlockSums, listed: ListedVersion, expectedBytes: number): boolean {
  const isSame =
    key.file === listed.file && key.version === listed.version && key.sizeBytes === listed.sizeBytes
  return isSame && blockSizeBytes === expectedBytes
}
