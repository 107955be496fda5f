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
}

export interface AttributeDefaults {
  readonly uid: number
  readonly gid: number
  /** Bits taken away from rwxrwxrwx for directories and rw-rw-rw- for files. */
  readonly umask: number
}

export function attributesOf(node: Node, defaults: AttributeDefaults): Attributes {
  const { overrides, local } = node
  const mtimeMs = overrides.mtimeMs ?? local?.mtimeMs ?? node.shownTimeMs
  return {
    ino: node.ino,
    kind: node.kind,
    sizeBytes: sizeOf(node),
    mode: overrides.mode ?? (node.kind === 'symlink' ? 0o777 : fullMode(node) & ~defaults.umask),
    uid: overrides.uid ?? defaults.uid,
    gid: overrides.gid ?? defaults.gid,
    atimeMs: overrides.atimeMs ?? mtimeMs,
    mtimeMs,
  }
}

export function sizeOf(node: Node): number {
  if (node.local) return node.local.staging.sizeBytes
  if (node.kind === 'symlink') return Buffer.byteLength(node.link?.target ?? '')
  return node.file?.sizeBytes ?? 0
}

function fullMode(node: Node): number {
  return node.kind === 'directory' ? 0o777 : 0o666
}
