import { itemPath, listPath, ownedPath, resourcePath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'
import { rootOf } from './documents.js'
import type { Document } from './documents.js'
import { selectedFilesPath } from './packed-paths.js'
import { parseItemFields, parseRows } from './rows.js'

/** Answers of REST about what the mount has as directories, in the forms that REST has of them. */
export type AnswerFormat = 'json' | 'csv' | 'xml'

export interface ListAddress {
  readonly item: ItemAddress
  /** Whose files are listed. */
  readonly resource?: string | undefined
  /** As `scans`, or `out/resources` of an assessor. */
  readonly list: string
}

/**
 * @param more what else is asked of it
 * @throws XnatError 'unnameable' when no URL names it
 */
export function listDocument(
  address: ListAddress,
  format: AnswerFormat,
  more: readonly (readonly [key: string, value: string])[] = [],
): Document {
  return tableDocument(pathOf(address), format, more)
}

/** Of the files of several resources; undefined where no URL selects just these. */
export function filesDocument(
  resources: readonly ResourceAddress[],
  format: AnswerFormat,
): Document | undefined {
  const path = selectedFilesPath(resources)
  return path === undefined ? undefined : tableDocument(path, format)
}

/** Of any other list, by its path. */
export function tableDocument(
  path: string,
  format: AnswerFormat,
  more: readonly (readonly [key: string, value: string])[] = [],
): Document {
  return { ...asked(path, format, more), problem: problems[format] }
}

/** A table in another form than the one that it is kept in; undefined where it is none. */
export function inForm(document: Document, format: AnswerFormat): Document | undefined {
  const [, question] = /^(.*[?&]format=)csv$/.exec(document.path) ?? []
  if (question === undefined) return undefined
  if (format === 'csv') return document
  return { path: `${question}${format}`, problem: problems[format], isCostly: true, isAskedAnew: true }
}

/** The document of an item in another form than XML. */
export function itemJsonDocument(item: ItemAddress): Document {
  const problem = problemOf((text) => parseItemFields(text), 'no item came')
  return { ...asked(itemPath(item), 'json'), problem }
}

function asked(
  path: string,
  format: AnswerFormat,
  more: readonly (readonly [key: string, value: string])[] = [],
): Pick<Document, 'path' | 'isCostly' | 'isAskedAnew'> {
  // The names of fields have colons and slashes.
  const others = more.map(([key, value]) => {
    const name = encodeURIComponent(key).replaceAll('%3A', ':').replaceAll('%2F', '/')
    return `${name}=${encodeURIComponent(value)}&`
  })
  return { path: `${path}?${others.join('')}format=${format}`, isCostly: true, isAskedAnew: true }
}

/** Where XNAT has no such list, it answers with the item (xnat-wire.md §1.2). */
const problems: Readonly<Record<AnswerFormat, Document['problem']>> = {
  json: problemOf((text) => parseRows(text), 'no list came'),
  csv: (text) => (/^\s*[<{[]/.test(text) ? 'no table came' : undefined),
  xml: (text) => (rootOf(text)?.name === 'ResultSet' ? undefined : 'no list came'),
}

function problemOf(parse: (text: string) => unknown, problem: string): Document['problem'] {
  return (text) => {
    try {
      parse(text)
      return undefined
    } catch {
      return problem
    }
  }
}

function pathOf({ item, resource, list }: ListAddress): string {
  const { project, subject, experiment } = item
  if (experiment === undefined && subject !== undefined && project !== undefined) {
    // Files are listed by URIs that begin as the question does (xnat-wire.md §2.4).
    const own = resource === undefined ? '' : `/resources/${encodeURIComponent(resource)}`
    return `${ownedPath(item)}${own}/${list}`
  }
  if (resource !== undefined) return `${resourcePath({ ...item, resource }, 'get')}/${list}`
  if (project === undefined && subject === undefined && experiment === undefined) return `/data/${list}`
  const [, side, inSide] = /^(in|out)\/(.*)$/.exec(list) ?? []
  return inSide === undefined
    ? listPath(item, list)
    : listPath({ ...item, side: side as 'in' | 'out' }, inSide)
}
