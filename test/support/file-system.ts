/** What the conformance checks use of a file system. Paths are relative to its root; errors carry `code`. */
export interface FileSystem {
  readonly name: string
  list(path: string): Promise<string[]>
  stat(path: string): Promise<FileFacts>
  readlink(path: string): Promise<string>
  mkdir(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  unlink(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  truncate(path: string, sizeBytes: number): Promise<void>
  utimes(path: string, atimeMs: number, mtimeMs: number): Promise<void>
  chmod(path: string, mode: number): Promise<void>
  open(path: string, flags: OpenFlags): Promise<OpenFile>
}

export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly sizeBytes: number
  readonly mtimeMs: number
  readonly mode: number
  readonly ino: number
  /** Names that it has. */
  readonly links: number
}

/** As fopen has them, x = exclusive: 'r' read, 'r+' read and write, 'w' truncate, 'wx' new, 'a' append. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'w+' | 'wx' | 'a'

export interface OpenFile {
  read(offset: number, lengthBytes: number): Promise<Buffer>
  /** @param offset undefined: at the end */
  write(bytes: Buffer, offset?: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  sync(): Promise<void>
  stat(): Promise<FileFacts>
  close(): Promise<void>
}

export async function readFile(fs: FileSystem, path: string): Promise<Buffer> {
  const file = await fs.open(path, 'r')
  try {
    const { sizeBytes } = await file.stat()
    return await file.read(0, sizeBytes)
  } finally {
    await file.close()
  }
}

export async function writeFile(fs: FileSystem, path: string, bytes: Buffer | string): Promise<void> {
  const file = await fs.open(path, 'w')
  if (bytes.length > 0) await file.write(Buffer.from(bytes), 0)
  await file.close()
}
