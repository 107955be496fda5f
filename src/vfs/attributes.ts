import type { Node, NodeKind } from './node.js'

export interface Attributes {
  readonly ino: number
  readonly kind: NodeKind
  readonly sizeBytes: number
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly atimeMs: number
  readonly mtimeMs: number
  /** Names that it has: 0 when it was removed, and goes on for who has it open. */
  readonly links: 0 | 1
  /** What `st_blksize` says to programs that write; 0 = nothing in particular. */
  readonly preferredWriteBytes: number
  /** After so long the kernel is to ask again what the name leads to; undefined: after the time that holds for all. */
  readonly nameTimeoutMs?: number
}

export interface AttributeDefaults {
  readonly uid: number
  readonly gid: number
  /** Bits taken away from rwxrwxrwx for directories and rw-rw-rw- for files. */
  readonly umask: number
}

/**
 * Each write is a message: `cp` makes an eighth of them when it may write so much at once. Not for files that are only
 * read: the C library would read so much for a few bytes.
 */
const preferredWriteBytes = 1024 * 1024

export function attributesOf(node: Node, defaults: AttributeDefaults): Attributes {
  const { overrides, local } = node
  const mtimeMs = node.newer ? node.shownTimeMs : (overrides.mtimeMs ?? local?.mtimeMs ?? node.shownTimeMs)
  return {
    ino: node.ino,
    kind: node.kind,
    sizeBytes: sizeOf(node),
    mode: overrides.mode ?? (node.kind === 'symlink' ? 0o777 : fullMode(node) & ~defaults.umask),
    uid: overrides.uid ?? defaults.uid,
    gid: overrides.gid ?? defaults.gid,
    atimeMs: overrides.atimeMs ?? mtimeMs,
    mtimeMs,
    links: node.isRemoved ? 0 : 1,
    preferredWriteBytes: node.writers > 0 ? preferredWriteBytes : 0,
  }
}

export function sizeOf(node: Node): number {
  if (node.local) return node.local.staging.sizeBytes
  if (node.order) return node.order.sizeBytes
  if (node.kind === 'symlink') return Buffer.byteLength(node.link?.target ?? '')
  return node.file?.sizeBytes ?? 0
}

function fullMode(node: Node): number {
  return node.kind === 'directory' ? 0o777 : 0o666
}
