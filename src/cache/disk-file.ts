import { Lock } from '../util/lock.js'
import { blockCount, blockLength } from './block-cache.js'
import type { AnswerOptions, ListedVersion, Trust, VersionKey } from './block-cache.js'
import { BlockSums } from './block-sums.js'
import {
  completePath,
  fileId,
  partDirectory,
  partSuffix,
  putInPlace,
  readExactly,
  sumsSuffix,
  withDirectory,
} from './cache-layout.js'
import type { DiskFileContext } from './disk-file-context.js'
import { fileState } from './file-state.js'
import { OtherParts, canBePart } from './other-parts.js'
import { PartFile } from './part-file.js'
import { proveBlocks } from './proven-file.js'
import { readSmall, storeSmall } from './small-file.js'
import { proveFile } from './taken-file.js'

interface PendingBlock {
  readonly key: VersionKey
  readonly bytes: Uint8Array
  readonly isProven: boolean
}

/** Use of an entry is noted at most this often. */
const touchMs = 10 * 60_000

/** What the disk has of one listed version of one file: nothing, a part, or all of it. */
export class DiskFile {
  readonly #context: DiskFileContext
  readonly #listed: ListedVersion
  readonly #id: string
  readonly #path: string
  /** Changes take turns. */
  readonly #changes = new Lock()
  #sums: BlockSums | undefined
  #part: PartFile | undefined
  #others: OtherParts | undefined
  /** Blocks on their way to the disk; and those that are being written now, which nobody may let go of. */
  readonly #pending = new Map<number, PendingBlock>()
  #underWay: ReadonlySet<PendingBlock> = new Set()
  /** A record may have been written by half: it can be read, and is mended before it is written to. */
  #isSuspect = false
  /** In which state the complete file was found right, or came to its name. */
  #provenState: string | undefined
  #touchedMs = Number.NEGATIVE_INFINITY
  /** Blocks that were read together with the sums, for whoever asks for them next. */
  #ready: Map<number, Uint8Array> | undefined
  #loading: Promise<void> | undefined
  #isLoaded = false

  constructor(context: DiskFileContext, listed: ListedVersion) {
    this.#context = context
    this.#listed = listed
    this.#id = fileId(listed.file, listed.version)
    this.#path = completePath(context.server, this.#id)
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  get hasPart(): boolean {
    return this.#part !== undefined
  }

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  get isBusy(): boolean {
    return this.hasPending || !this.#changes.isIdle
  }

  get answerVersion(): string | undefined {
    return (this.#newestPending ?? this.#sums)?.key.answerVersion ?? this.#others?.answerVersion
  }

  /** Whoever was about to read it has not. */
  dropReady(): void {
    this.#ready = undefined
  }

  /** Looks what is there. */
  load(options?: AnswerOptions): Promise<void> {
    if (this.#isLoaded) return Promise.resolve()
    this.#loading ??= this.#changes.run(() => this.#load(options)).finally(() => (this.#loading = undefined))
    return this.#loading
  }

  /**
   * The path of the complete file, if every block of it was found right and it was not touched since.
   * @param options.isDeep look through it where that is not known
   */
  async provenPath(
    key: VersionKey,
    options: { readonly isDeep: boolean; readonly signal: AbortSignal },
  ): Promise<string | undefined> {
    await this.load()
    const { disk } = this.#context
    const sums = this.#sums
    if (!sums || this.#part || sums.key.id !== key.id) return undefined
    const state = await disk.read(() => fileState(disk.fs, this.#path))
    if (state === undefined) return undefined
    void disk.read(() => this.#touch()) // who is given the path does not read here
    if (state === this.#provenState) return this.#path
    if (!options.isDeep) return undefined
    const proof = await disk.read(() => proveBlocks(disk.fs, this.#path, sums, options.signal))
    if (proof?.kind === 'damaged') await this.#changes.run(() => this.#give(sums, true))
    this.#provenState = proof?.kind === 'right' ? proof.state : undefined
    return this.#provenState === state ? this.#path : undefined
  }

  pending(key: VersionKey, index: number): Uint8Array | undefined {
    const block = this.#pending.get(index)
    return block?.key.id === key.id ? block.bytes : undefined
  }

  has(key: VersionKey, index: number): boolean {
    return this.hasOwn(key, index) || (this.#others?.has(key, index) ?? false)
  }

  /** Not only in what another process has of it. */
  hasOwn(key: VersionKey, index: number): boolean {
    return this.#sums?.key.id === key.id && this.#sums.has(index)
  }

  /** Looks what other processes have put there since: the complete file, or more of their parts. */
  refind(): Promise<void> {
    return this.#changes.run(async () => {
      const { disk, writer, blockSizeBytes } = this.#context
      const known = this.#sums
      if (known && !this.#part) return // complete
      const sums = await disk.read(() => this.#loadComplete())
      this.#others = undefined
      if (sums && (!known || known.key.id === sums.key.id)) {
        const part = this.#part
        this.#part = undefined
        this.#sums = sums
        this.#isLoaded = true
        await part?.discard()
        await part?.close()
      } else this.#others = await OtherParts.look(this.#context, this.#listed, blockSizeBytes, writer.id)
    })
  }

  /** A block whose sum is right, or undefined. */
  async read(key: VersionKey, index: number): Promise<Uint8Array | undefined> {
    const { disk } = this.#context
    const sums = this.#sums
    const part = this.#part
    if (!sums || !this.hasOwn(key, index)) return this.#others?.read(key, index)
    let isShort = false
    const read = async (): Promise<Buffer | undefined> => {
      const found = part ? await part.read(index) : await this.#readComplete(sums, index)
      isShort = found === undefined
      return found
    }
    const bytes = this.#takeReady(index) ?? (await disk.read(read))
    if (bytes && sums.matches(index, bytes)) {
      void disk.read(() => this.#touch())
      return bytes
    }
    if (this.#sums === sums) await this.#changes.run(() => this.#give(sums, bytes !== undefined || isShort))
    return undefined
  }

  add(key: VersionKey, index: number, bytes: Uint8Array, trust: Trust): void {
    const replaced = this.#pending.get(index)
    this.#pending.set(index, { key, bytes, isProven: trust === 'proven' })
    this.#context.onPending(bytes)
    if (replaced && !this.#underWay.has(replaced)) this.#context.onDone(replaced.bytes)
  }

  /** Brings what is pending to the disk, as far as it can be. */
  flush(): Promise<void> {
    return this.#changes.run(async () => {
      const blocks = new Map(this.#pending)
      const key = this.#newestPending?.key
      if (!key) return
      this.#underWay = new Set(blocks.values())
      const ofKey = new Map([...blocks].filter(([, block]) => block.key.id === key.id))
      if (!(await this.#context.disk.write(() => this.#store(key, ofKey)))) this.#isSuspect = true
      this.#underWay = new Set()
      for (const [index, block] of blocks) {
        if (this.#pending.get(index) === block) this.#pending.delete(index)
        this.#context.onDone(block.bytes)
      }
    })
  }

  /** Makes a file that the cache has been given under a passing name the complete file, if it is what it should be. */
  take(key: VersionKey, temporary: string): Promise<void> {
    const { disk } = this.#context
    return this.#changes.run(async () => {
      await disk.write(() => this.#storeTaken(key, temporary))
      await disk.remove(temporary) // if it has not got its name
    })
  }

  close(): Promise<void> {
    return this.#changes.run(async () => {
      await this.#part?.close()
      this.#part = undefined
      this.#sums = undefined
      this.#ready = undefined
      this.#isLoaded = false
    })
  }

  get #newestPending(): PendingBlock | undefined {
    return [...this.#pending.values()].at(-1)
  }

  #takeReady(index: number): Uint8Array | undefined {
    const bytes = this.#ready?.get(index)
    if (this.#ready?.delete(index) && this.#ready.size === 0) this.#ready = undefined
    return bytes
  }

  async #load(options?: AnswerOptions): Promise<void> {
    const { disk, server } = this.#context
    if (this.#isLoaded || !disk.canRead()) return
    const paths = [this.#path + sumsSuffix, partDirectory(server, this.#id)]
    const [isComplete, isPart] = options?.willRead ? [true, true] : await disk.mayBeThere(paths)
    const complete = isComplete ? await disk.read(() => this.#loadComplete(options)) : undefined
    this.#sums = complete ?? (isPart ? await disk.read(() => this.#loadPart()) : undefined)
    this.#isLoaded = true
  }

  async #loadComplete(options?: AnswerOptions): Promise<BlockSums | undefined> {
    const { disk, blockSizeBytes, onCorrupt } = this.#context
    const nowMs = disk.now()
    const how = { blockSizeBytes, touchBeforeMs: nowMs - touchMs }
    const small = options?.willRead ? await readSmall(disk, this.#path, this.#listed, how) : undefined
    const sums = BlockSums.parse(small?.sums ?? (await disk.fs.readFile(this.#path + sumsSuffix)))
    if (sums && sums.isComplete && this.#fits(sums)) {
      this.#ready = small && new Map(small.blocks.entries())
      if (small) this.#touchedMs = nowMs
      return sums
    }
    disk.log.warn(`the disk cache's entry for ${this.#listed.file} is damaged; it is removed`)
    onCorrupt()
    await this.#removeComplete()
    return undefined
  }

  async #loadPart(): Promise<BlockSums | undefined> {
    const { disk, server, writer, blockSizeBytes } = this.#context
    if (!canBePart(this.#listed, blockSizeBytes)) return undefined
    const names = await disk.fs.readdir(partDirectory(server, this.#id))
    for (const name of names.filter((other) => other.endsWith(partSuffix))) {
      const from = name.slice(0, -partSuffix.length)
      if (from !== writer.id && (await writer.isAlive(from))) continue
      const part = await disk.read(() => PartFile.takeOver(disk, server, this.#id, from, writer.id))
      if (part && this.#fits(part.sums)) {
        this.#part = part
        if (part.sums.isComplete) await this.#complete(part) // its writer died just before it could
        return this.#part === part || this.#sums ? part.sums : undefined
      }
      await part?.discard()
      await part?.close()
    }
    return undefined
  }

  #fits({ key, blockSizeBytes }: BlockSums): boolean {
    const { file, version, sizeBytes } = this.#listed
    const isSame = key.file === file && key.version === version && key.sizeBytes === sizeBytes
    return isSame && blockSizeBytes === this.#context.blockSizeBytes
  }

  async #readComplete(sums: BlockSums, index: number): Promise<Buffer | undefined> {
    const { key, blockSizeBytes: size } = sums
    const length = blockLength(key.sizeBytes, size, index)
    return this.#context.handles.use(this.#path, sums, (file) => readExactly(file, index * size, length))
  }

  async #touch(): Promise<void> {
    const { disk } = this.#context
    const nowMs = disk.now()
    if (nowMs - this.#touchedMs < touchMs) return
    this.#touchedMs = nowMs
    if (this.#part) await this.#part.touch()
    else await disk.fs.utimes(this.#path + sumsSuffix, nowMs / 1000, nowMs / 1000)
  }

  /** Gives up an entry that cannot be read: evicted, or damaged. */
  async #give(sums: BlockSums, isDamaged: boolean): Promise<void> {
    if (this.#sums !== sums) return
    const { disk, onCorrupt } = this.#context
    if (isDamaged) {
      disk.log.warn(`the disk cache's bytes of ${this.#listed.file} are damaged; they are removed`)
      onCorrupt()
    }
    const part = this.#part
    this.#sums = undefined
    this.#part = undefined
    this.#ready = undefined
    this.#isLoaded = false
    if (part) {
      if (isDamaged) await part.discard()
      await part.close().catch(() => {})
    } else {
      this.#context.handles.drop(this.#path)
      if (isDamaged) await this.#removeComplete()
    }
  }

  async #removeComplete(): Promise<void> {
    const { disk } = this.#context
    await disk.remove(this.#path + sumsSuffix)
    await disk.remove(this.#path)
  }

  async #store(key: VersionKey, blocks: ReadonlyMap<number, PendingBlock>): Promise<void> {
    const { writer } = this.#context
    if (!this.#isLoaded) await this.#load()
    await writer.renew()
    if (this.#sums && this.#sums.key.id !== key.id) await this.#replace(this.#sums)
    if (this.#sums && !this.#part) return // complete already
    if (!this.#part && blocks.size === blockCount(key.sizeBytes, this.#context.blockSizeBytes)) {
      await this.#storeWhole(key, blocks)
    } else await this.#storePart(key, blocks)
  }

  /** The server answered with another version than the one whose blocks are here. */
  async #replace(sums: BlockSums): Promise<void> {
    const isComplete = !this.#part
    await this.#part?.discard()
    await this.#give(sums, false)
    if (isComplete) await this.#removeComplete()
    this.#isLoaded = true
  }

  async #storeWhole(key: VersionKey, blocks: ReadonlyMap<number, PendingBlock>): Promise<void> {
    const { writer, blockSizeBytes, onStored } = this.#context
    const inOrder = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => block)
    const place = { ...this.#context, writer: writer.id }
    const stored = await storeSmall(place, this.#path, key, inOrder, blockSizeBytes)
    if (!stored) return // shown all the same, but not to be kept
    this.#sums = stored.sums
    this.#provenState = stored.state
    onStored(key.sizeBytes)
  }

  async #storeTaken(key: VersionKey, temporary: string): Promise<void> {
    const { disk, server, writer, blockSizeBytes, onStored } = this.#context
    if (!this.#isLoaded) await this.#load()
    if (this.#sums && this.#sums.key.id !== key.id) await this.#replace(this.#sums)
    if (this.#sums && !this.#part) return // complete already
    const sums = await proveFile(disk.fs, temporary, key, blockSizeBytes)
    if (!sums) return
    await withDirectory(disk.fs, this.#path, () => disk.fs.rename(temporary, this.#path))
    await putInPlace(disk.fs, server, writer.id, this.#path + sumsSuffix, [sums.encode()])
    const part = this.#part
    this.#sums = sums
    this.#part = undefined
    this.#isLoaded = true
    onStored(key.sizeBytes)
    await part?.discard()
    await part?.close()
  }

  async #storePart(key: VersionKey, blocks: ReadonlyMap<number, PendingBlock>): Promise<void> {
    const { disk, server, writer, blockSizeBytes, onStored } = this.#context
    if (this.#part && !(await this.#part.isInPlace().catch(() => false))) {
      await this.#dropPart()
      await this.#load()
    }
    if (this.#isSuspect) await this.#part?.repair()
    this.#isSuspect = false
    this.#part ??= await PartFile.create(disk, server, writer.id, key, blockSizeBytes)
    const part = this.#part
    this.#sums = part.sums
    await part.add(new Map([...blocks].map(([index, { bytes }]) => [index, bytes])), onStored)
    if (part.sums.isComplete) await this.#complete(part)
  }

  async #complete(part: PartFile): Promise<void> {
    this.#provenState = await part.complete()
    this.#sums = this.#provenState === undefined ? undefined : part.sums
    this.#part = undefined // until then it is read from
    await part.close()
  }

  async #dropPart(): Promise<void> {
    const part = this.#part
    this.#part = undefined
    if (part) {
      this.#sums = undefined
      this.#isLoaded = false
    }
    await part?.close().catch(() => {})
  }
}
