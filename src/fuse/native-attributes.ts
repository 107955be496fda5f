import type { Attributes } from '../vfs/attributes.js'
import type { AttributeRequest } from './driver.js'
import type { SessionMemory } from './native-binding.js'

export const fileTypes: Readonly<Record<Attributes['kind'], number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
}

/** Where the numbers of a row are (native/protocol.h). */
const field = {
  ino: 0,
  mode: 1,
  size: 2,
  uid: 3,
  gid: 4,
  atime: 5,
  mtime: 6,
  nameBytes: 7,
  preferredWriteBytes: 8,
  links: 9,
  nameTimeout: 10,
} as const

export function writeAttributes({ attributes: to }: SessionMemory, start: number, from: Attributes): void {
  to[start + field.ino] = from.ino
  to[start + field.mode] = fileTypes[from.kind] | from.mode
  to[start + field.size] = from.sizeBytes
  to[start + field.uid] = from.uid
  to[start + field.gid] = from.gid
  to[start + field.atime] = from.atimeMs
  to[start + field.mtime] = from.mtimeMs
  to[start + field.preferredWriteBytes] = from.preferredWriteBytes
  to[start + field.links] = from.links
  to[start + field.nameTimeout] = from.nameTimeoutMs ?? Infinity
}

/** An entry that says no more than its type: it brings no node, and the kernel looks it up when it wants to know. */
export function writeTypeOnly(
  { attributes: to }: SessionMemory,
  start: number,
  ino: number,
  kind: Attributes['kind'],
): void {
  to.fill(0, start, start + field.nameTimeout + 1)
  to[start + field.ino] = ino
  to[start + field.mode] = fileTypes[kind]
}

export function writeNameBytes({ attributes: to }: SessionMemory, start: number, nameBytes: number): void {
  to[start + field.nameBytes] = nameBytes
}

const changeNames = ['sizeBytes', 'mode', 'uid', 'gid', 'atimeMs', 'mtimeMs', 'handle'] as const

/** A NaN stays as it is (native/operations.cc). @param values where they begin in the rows of requests */
export function readAttributeChanges({ requests }: SessionMemory, values: number): AttributeRequest {
  const all = changeNames.map((name, i) => [name, requests[values + i]!] as const)
  return Object.fromEntries(all.filter(([, value]) => !Number.isNaN(value)))
}

export function xattrValue(attributes: ReadonlyMap<string, string>, name: string): Buffer | undefined {
  const value = attributes.get(name)
  return value === undefined ? undefined : Buffer.from(value)
}

export function xattrNames(attributes: ReadonlyMap<string, string>): Buffer {
  return Buffer.from([...attributes.keys()].map((name) => `${name}\0`).join(''))
}
