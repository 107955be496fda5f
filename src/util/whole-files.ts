export interface FileToPut {
  /** Where it is written before it has its name; on the same file system. */
  readonly temporary: string
  readonly path: string
  readonly pieces: readonly Uint8Array[]
}

/** Reads and writes small files in one go, where something can. Both fail as the functions of node:fs do. */
export interface WholeFiles {
  /**
   * Fills `pieces` with a file that is exactly as long, else EIO. The time of the file beside it is set to now where it
   * is before `touchBeforeMs`.
   * @returns what is in the file beside it
   */
  read(path: string, companion: string, pieces: readonly Uint8Array[], touchBeforeMs: number): Promise<Buffer>
  /**
   * Gives each its name when all of it is written, one after the other. Directories that are missing are made.
   * @returns their states (cache/file-state.ts)
   */
  put(files: readonly FileToPut[]): Promise<readonly string[]>
  /** Whether each of these is there. Does not fail: what cannot be told may be there. */
  areThere(paths: readonly string[]): Promise<readonly boolean[]>
  /** Of each piece by itself. They must stay as they are until it is there. */
  crc32(pieces: readonly Uint8Array[]): readonly number[] | Promise<readonly number[]>
}
