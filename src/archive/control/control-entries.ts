import { createHash } from 'node:crypto'
import type { Document } from '../../xnat/documents.js'
import type { DirectoryEntry, Facts, FileEntry } from '../archive.js'
import type { Sources } from '../sources.js'
import type { ControlFilePlace, ControlKind, ControlPlace } from './control-place.js'
import { bytesOf, withNewline } from './text.js'
import type { Text } from './text.js'

/** A document of the server as a file of `.xnat`, with the size and digest of what it says now. */
export function textEntry(parent: DirectoryEntry, name: string, document: Document, text: Text): FileEntry {
  const isResult = !document.change
  const entry = fileEntry(parent, name, `text ${document.path}`, withNewline(text), { document, isResult })
  return document.isCostly ? { ...entry, isToldWhenOpened: true } : entry
}

/** A document of which nobody has asked what it says: as long as that costs the server more than to tell its name. */
export function unreadEntry(parent: DirectoryEntry, name: string, document: Document): FileEntry {
  const entry = textEntry(parent, name, document, nothing)
  return { ...entry, sizeBytes: undefined, digest: undefined, version: 'unread', isUnread: true }
}

/**
 * A document by a URI of REST, asked for by who opens it, as the server sends it. It can be written where the document can,
 * and not removed: that is done by the name of its file.
 */
export function askedEntry(parent: DirectoryEntry, name: string, document: Document): FileEntry {
  return asSent(unreadEntry(parent, name, { ...document, isCostly: true, isAskedAnew: true }))
}

/** The same as long as the text is believed, and where the server need not make much effort with its size and digest. */
export async function answerEntry(
  parent: DirectoryEntry,
  name: string,
  document: Document,
  sources: Sources,
): Promise<FileEntry> {
  const entry = asSent(unreadEntry(parent, name, document))
  const text = document.isCostly ? sources.known(document) : await sources.text(document)
  return text ? withText(entry, text) : entry
}

function asSent(entry: FileEntry): FileEntry {
  return { ...entry, place: { ...(entry.place as ControlFilePlace), isAsked: true } as ControlFilePlace }
}

/** A document of an item: one that costs the server much only as far as somebody has opened it lately. */
export async function documentEntry(
  parent: DirectoryEntry,
  name: string,
  document: Document,
  sources: Sources,
): Promise<FileEntry> {
  if (!document.isCostly) return textEntry(parent, name, document, await sources.text(document))
  const known = sources.known(document)
  return known ? textEntry(parent, name, document, known) : unreadEntry(parent, name, document)
}

/** The same file with what it says now. */
export function withText(file: FileEntry, text: Text): FileEntry {
  return { ...file, ...measured(text), version: versionOf(text), listing: text, isUnread: false }
}

/** A text that is known here only. */
export function localEntry(parent: DirectoryEntry, name: string, text: Text, isResult: boolean): FileEntry {
  return fileEntry(parent, name, `run ${name}`, text, { text, isResult })
}

/** A file that has the server do something, with what it answered the last time. */
export function orderEntry(parent: DirectoryEntry, name: string, answer: Text): FileEntry {
  const { kind, item } = parent.place as ControlPlace
  return fileEntry(parent, name, `order ${kind} ${item.experiment ?? ''} ${name}`, answer, {
    text: answer,
    order: name,
  })
}

/** A file whose name says everything. */
export function emptyEntry(parent: DirectoryEntry, name: string, key: string): FileEntry {
  return fileEntry(parent, name, key, nothing, {})
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

function fileEntry(
  parent: DirectoryEntry,
  name: string,
  key: string,
  text: Text,
  what: Pick<ControlFilePlace, 'document' | 'text' | 'order' | 'isResult'>,
): FileEntry {
  const place: ControlFilePlace = { level: 'control-file', in: parent.place as ControlPlace, ...what }
  const { sizeBytes, digest } = measured(text)
  return {
    kind: 'file',
    isMade: true,
    name,
    id: `file:${name}`,
    mtimeMs: parent.mtimeMs,
    place,
    key,
    sizeBytes,
    version: versionOf(text),
    digest,
    listing: text,
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
