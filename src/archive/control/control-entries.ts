import { createHash } from 'node:crypto'
import type { Document } from '../../xnat/documents.js'
import type { DirectoryEntry, Facts, FileEntry } from '../archive.js'
import type { ControlFilePlace, ControlKind, ControlPlace } from './control-place.js'
import { bytesOf } from './text.js'
import type { Text } from './text.js'

/** A document of the server as a file, with the size and digest of what it says now. */
export function textEntry(parent: DirectoryEntry, name: string, document: Document, text: Text): FileEntry {
  const { sizeBytes, digest } = measured(text)
  const place: ControlFilePlace = { level: 'control-file', document }
  return {
    ...fileBase(parent, name, place, `text ${document.path}`),
    sizeBytes,
    version: versionOf(text),
    digest,
    listing: text,
  }
}

/** A file whose name says everything. */
export function emptyEntry(parent: DirectoryEntry, name: string, key: string): FileEntry {
  return fileBase(parent, name, { level: 'control-file', document: undefined }, key)
}

export function controlDirectoryEntry(
  parent: DirectoryEntry,
  name: string,
  place: ControlPlace,
  facts?: Facts,
): DirectoryEntry {
  return { kind: 'directory', name, id: `control:${name}`, mtimeMs: parent.mtimeMs, place, facts }
}

export function within(place: ControlPlace, kind: ControlKind, subject?: string): ControlPlace {
  return { ...place, kind, ...(subject !== undefined && { subject }) }
}

/** Changes when the text does. */
export function versionOf(text: Text): string {
  const { sizeBytes, digest } = measured(text)
  return `${sizeBytes}#${digest}`
}

function fileBase(parent: DirectoryEntry, name: string, place: ControlFilePlace, key: string): FileEntry {
  const { sizeBytes, digest } = measured(nothing)
  return {
    kind: 'file',
    name,
    id: `control:${name}`,
    mtimeMs: parent.mtimeMs,
    place,
    key,
    sizeBytes,
    version: versionOf(nothing),
    digest,
    isSeriesMember: false,
  }
}

interface Measured {
  readonly sizeBytes: number
  readonly digest: string
}

const nothing: Text = { latin1: '' }
const measures = new WeakMap<Text, Measured>()

function measured(text: Text): Measured {
  let known = measures.get(text)
  if (!known)
    measures.set(
      text,
      (known = {
        sizeBytes: text.latin1.length,
        digest: createHash('md5').update(bytesOf(text)).digest('hex'),
      }),
    )
  return known
}
