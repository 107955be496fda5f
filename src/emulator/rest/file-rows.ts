import { basename, relative } from 'node:path'
import { join } from 'node:path'
import { urlDecode } from '../http/text.js'
import type { OpenCatalog } from '../store/catalog-store.js'
import {
  allEntries,
  catalogedSize,
  isAbsoluteUri,
  relativePath,
  type Catalog,
  type CatalogEntry,
} from '../store/catalog.js'
import type { Resource } from '../store/model.js'
import { storedFile } from './resource-stats.js'
import type { RestContext } from './resource.js'
import type { Cell } from './table.js'

/** What stands in the third column: the URI, or a path on the server's disk (`?locator=`). */
export type Locator = 'URI' | 'absolutePath' | 'projectPath'

export function locatorOf(context: RestContext): Locator {
  const value = context.query.get('locator')?.toLowerCase()
  if (value === 'absolutepath') return 'absolutePath'
  return value === 'projectpath' ? 'projectPath' : 'URI'
}

export function fileColumns(locator: Locator): string[] {
  return [
    'Name',
    'Size',
    locator,
    'collection',
    'file_tags',
    'file_format',
    'file_content',
    'cat_ID',
    'digest',
  ]
}

export type EntryFilter = (entry: CatalogEntry) => boolean

/** `file_format=` and `file_content=`, repeatable, `NULL` for none; undefined without either (buildFilter). */
export function entryFilter(context: RestContext): EntryFilter | undefined {
  const contents = context.query.all('file_content')
  const formats = context.query.all('file_format')
  if (contents.length === 0 && formats.length === 0) return undefined
  return (entry) => {
    if (formats.length > 0) {
      // The original compares a missing format with the list too, so NULL alone never matches it.
      if (entry.format === undefined || !formats.includes(entry.format)) return false
    }
    return contents.length === 0 || contents.includes(entry.content ?? 'NULL')
  }
}

/**
 * `files/sub/`: entries below a folder. `recursive=false` keeps those that lie deeper than one level instead of the
 * others; the fault is the original's (§2.4).
 */
export function folderFilter(
  context: RestContext,
  folder: string,
  filter: EntryFilter | undefined,
): EntryFilter {
  const recursive = !context.query.isFalse('recursive')
  return (entry) => {
    const path = relativePath(entry)
    if (!path.startsWith(folder)) return false
    return (recursive || path.slice(folder.length + 1).includes('/')) && (filter?.(entry) ?? true)
  }
}

interface RowSource {
  readonly opened: OpenCatalog
  readonly resource: Resource
  /** What URIs begin with, ending in `/files`. */
  readonly uriBase: string
  /** Folder of the project's archive. */
  readonly projectRoot: string
  readonly locator: Locator
}

/** Rows of a catalog's files (CatalogUtils.getEntryDetails). */
export function fileRows(context: RestContext, source: RowSource, filter: EntryFilter | undefined): Cell[][] {
  const entries = filter ? source.opened.entries.filter(filter) : source.opened.entries
  return entries.map((entry) => fileRow(context, source, entry))
}

function fileRow(context: RestContext, source: RowSource, entry: CatalogEntry): Cell[] {
  const path = relativePath(entry)
  let name = entry.name || basename(entry.uri)
  let size = catalogedSize(entry) ?? ''
  if (size === '') {
    const file = storedFile(source.opened, entry)
    if (file) {
      name = basename(file.path)
      size = String(file.size)
    }
  }
  const delta = context.exchange.effects.listingSizeDelta
  if (delta !== 0 && size !== '') size = String(Number(size) + delta)
  // With an index XNAT fills another set of columns, where the size is 0 (§2.4).
  if (context.query.has('index')) size = '0'
  const { resource } = source
  return [
    name,
    size,
    location(source, entry, path),
    resource.label,
    tagText(entry),
    entry.format ?? null,
    entry.content ?? null,
    resource.id,
    entry.digest ?? null,
  ]
}

function location(source: RowSource, entry: CatalogEntry, path: string): string {
  if (source.locator === 'URI') return `${source.uriBase}/${path}`
  const absolute = isAbsoluteUri(entry.uri) ? entry.uri : join(source.opened.directory, entry.uri)
  return source.locator === 'absolutePath' ? absolute : relative(source.projectRoot, absolute)
}

function tagText(entry: CatalogEntry): string {
  const fields = entry.metaFields.filter((field) => field.name !== 'SIZE')
  return [...fields.map((field) => `${field.name}=${field.value}`), ...entry.tags].join(',')
}

/** The entry a path means: URI as it came, then URI decoded once, then entry ID (§3.6). */
export function findEntry(opened: OpenCatalog, path: string): CatalogEntry | undefined {
  return opened.byUri(path) ?? opened.byUri(urlDecode(path)) ?? opened.byId(path)
}

/** `files/a*`: the last star becomes `.*` and the whole is an expression over URI, ID or cache path. */
export function entriesByPattern(catalog: Catalog, path: string): CatalogEntry[] {
  const star = path.lastIndexOf('*')
  const source = `${path.slice(0, star)}.*${path.slice(star + 1)}`
  let pattern: RegExp
  try {
    pattern = new RegExp(`^(?:${source})$`)
  } catch {
    return []
  }
  return allEntries(catalog).filter((entry) =>
    [entry.uri, entry.id, entry.cachePath].some((text) => text !== undefined && pattern.test(text)),
  )
}
