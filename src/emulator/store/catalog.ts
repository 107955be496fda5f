/** The content of a catalog file. Values are never changed in place: the parsed form is shared between requests. */

export interface CatalogMetaField {
  readonly name: string
  readonly value: string
}

export interface CatalogEntry {
  /** Path relative to the catalog, or an absolute path or URL. Not percent-encoded. */
  readonly uri: string
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly cachePath?: string | undefined
  readonly digest?: string | undefined
  readonly format?: string | undefined
  readonly content?: string | undefined
  readonly description?: string | undefined
  readonly createdBy?: string | undefined
  readonly createdTime?: string | undefined
  readonly createdEventId?: string | undefined
  readonly modifiedBy?: string | undefined
  readonly modifiedTime?: string | undefined
  readonly modifiedEventId?: string | undefined
  /** Of a DICOM entry. */
  readonly uid?: string | undefined
  readonly instanceNumber?: string | undefined
  readonly isDicom?: boolean | undefined
  readonly metaFields: readonly CatalogMetaField[]
  readonly tags: readonly string[]
}

export interface Catalog {
  readonly id?: string | undefined
  readonly uid?: string | undefined
  readonly isDicom: boolean
  readonly metaFields: readonly CatalogMetaField[]
  readonly entries: readonly CatalogEntry[]
  /** Nested catalogs of old archives. */
  readonly sets: readonly Catalog[]
}

export const EMPTY_CATALOG: Catalog = { isDicom: false, metaFields: [], entries: [], sets: [] }

/** Entries of nested catalogs come before the catalog's own, as XNAT walks them. */
export function allEntries(catalog: Catalog): readonly CatalogEntry[] {
  if (catalog.sets.length === 0) return catalog.entries
  return [...catalog.sets.flatMap(allEntries), ...catalog.entries]
}

export function metaField(
  entry: { readonly metaFields: readonly CatalogMetaField[] },
  name: string,
): string | undefined {
  return entry.metaFields.find((field) => field.name === name)?.value
}

/** The meta fields with one of them set; its place is kept. */
export function withMetaField(
  fields: readonly CatalogMetaField[],
  name: string,
  value: string,
): readonly CatalogMetaField[] {
  const index = fields.findIndex((field) => field.name === name)
  return index < 0 ? [...fields, { name, value }] : fields.with(index, { name, value })
}

const ABSOLUTE = /^(?:\/|[A-Za-z][A-Za-z0-9+.-]*:\/\/)/

export function isAbsoluteUri(uri: string): boolean {
  return ABSOLUTE.test(uri)
}

/** Where an entry lies below its catalog (CatalogUtils.getRelativePathForCatalogEntry). */
export function relativePath(entry: CatalogEntry): string {
  if (!isAbsoluteUri(entry.uri)) return entry.uri
  return entry.cachePath ?? entry.id ?? entry.uri
}

/** Size in bytes as the catalog has it; undefined if it has none. `size_in_bytes` is what XNAT 1.6 wrote. */
export function catalogedSize(entry: CatalogEntry): string | undefined {
  return metaField(entry, 'SIZE')
}

/** `2026-01-01T10:00:00.000`, server time (here UTC). */
export function catalogTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 23)
}

/** `2021-03-18 11:36:15.236`: java.sql.Timestamp.toString, no trailing zeros but one digit at least. */
export function sqlTimestamp(ms: number): string {
  if (ms !== lastWritten.ms) {
    const text = new Date(ms).toISOString()
    const fraction = text.slice(20, 23).replace(/0+$/, '') || '0'
    lastWritten = { ms, text: `${text.slice(0, 10)} ${text.slice(11, 19)}.${fraction}` }
  }
  return lastWritten.text
}

/** What came together has one time in many cells. */
let lastWritten = { ms: Number.NaN, text: '' }

/** `Wed Jan 09 18:05:57 UTC 2019`: java.util.Date.toString. */
export function javaDate(ms: number): string {
  const parts = new Date(ms).toUTCString().split(' ')
  return `${parts[0]!.slice(0, 3)} ${parts[2]} ${parts[1]} ${parts[4]} UTC ${parts[3]}`
}
