import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { OpenCatalog } from '../store/catalog-store.js'
import {
  allEntries,
  catalogTime,
  relativePath,
  withMetaField,
  type Catalog,
  type CatalogEntry,
} from '../store/catalog.js'
import { storedFile } from './resource-stats.js'

/** Who changes a catalog, when, and under which event. */
export interface CatalogEvent {
  readonly login: string
  readonly nowMs: number
  /** Undefined where XNAT opens no workflow (`update-stats=false`). */
  readonly eventId: number | undefined
}

/** Query parameters that describe an uploaded file. */
export interface EntryDescription {
  readonly format?: string | undefined
  readonly content?: string | undefined
  readonly description?: string | undefined
  readonly tags: readonly string[]
}

/** A file that was written into a resource. */
export interface WrittenFile {
  /** Path below the resource. */
  readonly path: string
  readonly size: number
  readonly md5: string
}

/** Collects changes to the catalog that was opened, to be written at the end. */
export class CatalogEdit {
  readonly #event: CatalogEvent
  readonly #description: EntryDescription
  readonly #catalog: Catalog
  readonly #entries: CatalogEntry[]
  readonly #index = new Map<string, number>()

  constructor(catalog: Catalog, event: CatalogEvent, description: EntryDescription) {
    this.#entries = [...catalog.entries]
    this.#catalog = { ...catalog, entries: this.#entries }
    this.#event = event
    this.#description = description
    for (const [index, entry] of catalog.entries.entries()) this.#index.set(relativePath(entry), index)
  }

  has(path: string): boolean {
    return this.#index.has(path)
  }

  /** A new entry, or the one of that path brought up to date. */
  put(file: WrittenFile): void {
    const index = this.#index.get(file.path)
    if (index === undefined) {
      this.#index.set(file.path, this.#entries.length)
      this.#entries.push(this.#newEntry(file))
    } else {
      this.#entries[index] = this.#updated(this.#entries[index]!, file)
    }
  }

  get result(): Catalog {
    return this.#catalog
  }

  #newEntry(file: WrittenFile): CatalogEntry {
    const { login, nowMs, eventId } = this.#event
    const { format, content, description, tags } = this.#description
    return {
      uri: file.path,
      id: file.path,
      name: basename(file.path),
      cachePath: file.path,
      digest: file.md5,
      format,
      content,
      description,
      createdBy: login,
      createdTime: catalogTime(nowMs),
      createdEventId: eventId === undefined ? undefined : String(eventId),
      metaFields: [{ name: 'SIZE', value: String(file.size) }],
      tags,
    }
  }

  #updated(entry: CatalogEntry, file: WrittenFile): CatalogEntry {
    const { login, nowMs, eventId } = this.#event
    const { format, content, description, tags } = this.#description
    const next: CatalogEntry = {
      ...entry,
      id: file.path,
      cachePath: file.path,
      name: basename(file.path),
      digest: file.md5,
      format: format ?? entry.format,
      content: content ?? entry.content,
      description: description ?? entry.description,
      createdBy: entry.createdBy ?? login,
      createdTime: entry.createdTime ?? catalogTime(nowMs),
      metaFields: withMetaField(entry.metaFields, 'SIZE', String(file.size)),
      tags: [...entry.tags, ...tags],
    }
    if (JSON.stringify(next) === JSON.stringify(entry)) return entry
    return {
      ...next,
      modifiedBy: login,
      modifiedTime: catalogTime(nowMs),
      modifiedEventId: eventId === undefined ? entry.modifiedEventId : String(eventId),
    }
  }
}

/** Gives entries without a digest one, as the site preference `checksums` has it on each write (§2.4). */
export async function withDigests(opened: OpenCatalog, catalog: Catalog): Promise<Catalog> {
  if (allEntries(catalog).every((entry) => entry.digest !== undefined)) return catalog
  const entries: CatalogEntry[] = []
  for (const entry of catalog.entries) {
    const file = entry.digest === undefined ? storedFile(opened, entry) : undefined
    if (!file) {
      entries.push(entry)
      continue
    }
    const digest = createHash('md5')
      .update(await readFile(file.path))
      .digest('hex')
    entries.push({ ...entry, digest })
  }
  return { ...catalog, entries }
}
