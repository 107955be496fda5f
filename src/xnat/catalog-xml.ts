import { XMLParser } from 'fast-xml-parser'
import { scanCatalog } from './catalog-scan.js'
import type { CatalogEntry } from './catalog-scan.js'
import { parseTimeMs } from './rows.js'

/** One file of a resource, as a catalog or a listing describes it. */
export interface StoredFile {
  /** Relative to the resource, as the server stores it: neither decoded nor encoded. */
  readonly storedPath: string
  /** Undefined where the catalog has none and the file is missing on the server's disk. */
  readonly sizeBytes: number | undefined
  /** Lower-case hex MD5, where the site computes digests. */
  readonly digest: string | undefined
  readonly modifiedMs: number | undefined
  /** What whoever stored it called it, such as `DICOM` and `RAW`. */
  readonly format?: string | undefined
  readonly content?: string | undefined
}

type XmlElement = { readonly [name: string]: unknown }

const lists = new Set(['entry', 'metaField', 'entrySet', 'sets', 'entries', 'metaFields'])
const options = {
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseAttributeValue: false,
  parseTagValue: false,
  trimValues: false, // a name may end in a blank
  isArray: (name: string) => lists.has(name),
}
const parser = new XMLParser(options)
/** With numeric character references, which the parser calls so; to look for them doubles its time. */
const referenceParser = new XMLParser({ ...options, htmlEntities: true })

/**
 * The entries of a catalog document (`cat:Catalog` or `cat:DCMCatalog`, xnat-wire.md §2.5), those of nested entry
 * sets included.
 * @throws Error when the text is no catalog
 */
export function parseCatalog(text: string): StoredFile[] {
  return (scanCatalog(text) ?? parseEntries(text)).flatMap(toStoredFile)
}

/** @throws Error when the text is no catalog */
export function parseEntries(text: string): CatalogEntry[] {
  const document = (text.includes('&#') ? referenceParser : parser).parse(text, true) as XmlElement
  const catalog = Object.entries(document).find(([name]) => /^(dcm)?catalog$/i.test(name))?.[1]
  if (catalog === undefined) throw new Error('XML without a catalog')
  const entries: CatalogEntry[] = []
  if (isElement(catalog)) collect(catalog, entries)
  return entries
}

function collect(element: XmlElement, into: CatalogEntry[]): void {
  for (const list of children(element, 'entries')) {
    for (const entry of children(list, 'entry')) {
      const size = metaField(entry, 'SIZE') ?? metaField(entry, 'size_in_bytes')
      into.push({ attribute: (name) => attribute(entry, name), size })
    }
  }
  for (const sets of children(element, 'sets')) {
    for (const set of children(sets, 'entrySet')) collect(set, into)
  }
}

function toStoredFile(entry: CatalogEntry): StoredFile[] {
  const storedPath = pathOf(entry)
  if (storedPath === undefined) return []
  const { size } = entry
  return [
    {
      storedPath,
      sizeBytes: size !== undefined && /^\s*\d+\s*$/.test(size) ? Number(size) : undefined,
      digest: entry.attribute('digest')?.toLowerCase(),
      modifiedMs: parseTimeMs(entry.attribute('modifiedTime') ?? entry.attribute('createdTime')),
      format: entry.attribute('format'),
      content: entry.attribute('content'),
    },
  ]
}

/** An entry that lies elsewhere (an absolute or remote URI) goes by its cachePath or ID (§8). */
function pathOf(entry: CatalogEntry): string | undefined {
  const uri = entry.attribute('URI')
  const isElsewhere = uri === undefined || uri.startsWith('/') || /^[a-z][a-z0-9+.-]*:\/\//i.test(uri)
  return isElsewhere ? (entry.attribute('cachePath') ?? entry.attribute('ID')) : uri
}

function metaField(element: XmlElement, name: string): string | undefined {
  for (const list of children(element, 'metaFields')) {
    for (const field of children(list, 'metaField')) {
      const value = field['#text']
      if (attribute(field, 'name') === name && typeof value === 'string') return value
    }
  }
  return undefined
}

function attribute(element: XmlElement, name: string): string | undefined {
  const value = element[`@${name}`]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function children(element: XmlElement, name: string): XmlElement[] {
  const value = element[name]
  return Array.isArray(value) ? value.filter(isElement) : []
}

function isElement(value: unknown): value is XmlElement {
  return typeof value === 'object' && value !== null
}
