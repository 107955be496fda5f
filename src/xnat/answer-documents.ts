import { itemPath, placedPath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'
import { rootOf } from './documents.js'
import type { Document } from './documents.js'
import { selectedFilesPath, selectionPath } from './packed-paths.js'
import type { Selection } from './packed-paths.js'
import { parseItemFields, parseRows } from './rows.js'

/** Answers of REST about what the mount has as directories, in the forms that REST has of them. */
export type AnswerFormat = 'json' | 'csv' | 'xml' | 'html'

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
  format: AnswerFormat | undefined,
  more: readonly (readonly [key: string, value: string])[] = [],
): Document {
  return tableDocument(pathOf(address), format, more)
}

/**
 * Of the files of several resources; undefined where no URL selects just these.
 * @param selected what REST's own path has selected them by
 */
export function filesDocument(
  resources: readonly ResourceAddress[],
  selected: Selection | undefined,
  format: AnswerFormat | undefined,
  more: readonly (readonly [key: string, value: string])[],
): Document | undefined {
  const path = (selected && selectionPath(selected, 'files')) ?? selectedFilesPath(resources)
  return path === undefined ? undefined : tableDocument(path, format, more)
}

/** Of the resources of several items; undefined where no URL selects just these. */
export function resourcesDocument(
  selected: Selection,
  format: AnswerFormat | undefined,
  more: readonly (readonly [key: string, value: string])[],
): Document | undefined {
  const path = selectionPath(selected, 'resources')
  return path === undefined ? undefined : tableDocument(path, format, more)
}

/**
 * Of any other list, by its path.
 * @param format undefined = that which the server gives to who names none
 */
export function tableDocument(
  path: string,
  format: AnswerFormat | undefined,
  more: readonly (readonly [key: string, value: string])[] = [],
): Document {
  const problem = format === undefined ? listProblem : problems[format]
  return { ...asked(path, format, more), problem }
}

/**
 * A document in another form than the one that it is kept in.
 * @param format undefined = that which the server gives to who names none (xnat-wire.md §2.1, §2.6)
 * @returns undefined where the server has it in one form only
 */
export function inForm(document: Document, format: AnswerFormat | undefined): Document | undefined {
  const [, rest, kept] = /^(.*)[?&]format=(\w+)$/s.exec(document.path) ?? []
  if (rest === undefined) return undefined
  if (format === kept) return document
  const isTable = kept === 'csv'
  const believed = (text: string): string | undefined => {
    const came = formOf(text)
    if (came === kept) return document.problem(text)
    // Of one form only, it comes in that whatever is asked for.
    const isWanted = format === undefined ? came !== 'csv' : came === format
    if (!isWanted) return `no ${format ?? 'document'} came`
    return isTable ? problems[came](text) : otherProblems[came]?.(text)
  }
  const sign = rest.includes('?') ? '&' : '?'
  const question = format === undefined ? '' : `${sign}format=${format}`
  const page = format === undefined || format === 'html' ? ({ isPage: true } as const) : {}
  return {
    ...document,
    ...page,
    path: `${rest}${question}`,
    problem: format !== undefined && isTable ? problems[format] : believed,
    isCostly: true,
    isAskedAnew: true,
  }
}

/** The form in which a text is, by how it begins. */
function formOf(text: string): AnswerFormat {
  if (/^\s*[{[]/.test(text)) return 'json'
  if (/^\s*(?:<!--[^]*?-->\s*)*<(?:!doctype\s+)?html\b/i.test(text)) return 'html'
  return /^\uFEFF?\s*</.test(text) ? 'xml' : 'csv'
}

/** The document of an item in another form than XML. */
export function itemJsonDocument(item: ItemAddress): Document {
  const problem = problemOf((text) => parseItemFields(text), 'no item came')
  return { ...asked(itemPath(item), 'json'), problem }
}

function asked(
  path: string,
  format: AnswerFormat | undefined,
  more: readonly (readonly [key: string, value: string])[] = [],
): Omit<Document, 'problem'> {
  // The names of fields have colons and slashes.
  const others = more.map(([key, value]) => {
    const name = encodeURIComponent(key).replaceAll('%3A', ':').replaceAll('%2F', '/')
    return `${name}=${encodeURIComponent(value)}`
  })
  const question = [...others, ...(format === undefined ? [] : [`format=${format}`])].join('&')
  return {
    path: question === '' ? path : `${path}?${question}`,
    ...((format === undefined || format === 'html') && { isPage: true }),
    isCostly: true,
    isAskedAnew: true,
  }
}

/** Where XNAT has no such list, it answers with the item (xnat-wire.md §1.2). */
const problems: Readonly<Record<AnswerFormat, Document['problem']>> = {
  json: problemOf((text) => parseRows(text), 'no list came'),
  csv: (text) => (/^\s*[<{[]/.test(text) ? 'no table came' : undefined),
  xml: (text) => (rootOf(text)?.name === 'ResultSet' ? undefined : 'no list came'),
  html: (text) => (formOf(text) === 'html' && /<table[\s>]/i.test(text) ? undefined : 'no list came'),
}

const listProblem: Document['problem'] = (text) => problems[formOf(text)](text)

/** Of what is no table. */
const otherProblems: Readonly<Partial<Record<AnswerFormat, Document['problem']>>> = {
  json: problemOf((text) => JSON.parse(text) as unknown, 'no JSON came'),
  xml: (text) => (rootOf(text) ? undefined : 'no XML came'),
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
  if (project === undefined && subject === undefined && experiment === undefined) return `/data/${list}`
  if (resource !== undefined)
    return `${placedPath(item, 'get')}/resources/${encodeURIComponent(resource)}/${list}`
  const [, side, name = list] = /^(in|out)\/(.*)$/.exec(list) ?? []
  const parent = side === undefined ? item : { ...item, side: side as 'in' | 'out' }
  // Other lists of an experiment tell the same by its ID, and some are not had otherwise.
  const isPlaced = name === 'files' || experiment === undefined
  return `${isPlaced ? placedPath(parent) : itemPath(parent)}/${name}`
}
