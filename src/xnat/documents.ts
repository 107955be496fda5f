import { itemPath, resourcePath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'

/**
 * A document of XNAT's REST interface that is no list of items and no stored file. A URL that leads nowhere can answer
 * 200 with another document (xnat-wire.md §1.2), so each tells how it is known.
 */
export interface Document {
  /** The URL path with its query. */
  readonly path: string
  /** A word or number, which XNAT sends with the media type of a page. */
  readonly isValue?: true
  /** Why this text is not the document, or undefined. */
  problem(text: string): string | undefined
}

/** The XML document of the item that the address ends in. */
export function itemDocument(item: ItemAddress): Document {
  const id =
    item.assessor ?? item.reconstruction ?? item.scan ?? item.experiment ?? item.subject ?? item.project
  return {
    path: `${itemPath(item)}?format=xml`,
    problem: (text) => {
      const root = rootOf(text)
      if (!root) return 'no XML came'
      return root.id === id ? undefined : `the document of '${root.id ?? root.name}' came instead of '${id}'`
    },
  }
}

export function catalogDocument(resource: ResourceAddress): Document {
  return {
    path: resourcePath(resource, 'get'),
    problem: (text) => (/^(dcm)?catalog$/i.test(rootOf(text)?.name ?? '') ? undefined : 'no catalog came'),
  }
}

/** `active`, or what the item was set to. */
export function statusDocument(item: ItemAddress): Document {
  return value(`${itemPath(item)}/status`, /^[^<>\n]*$/)
}

export function accessibilityDocument(project: string): Document {
  return value(`${itemPath({ project })}/accessibility`, /^(public|protected|private)$/)
}

export type ProjectCode = 'prearchive_code' | 'quarantine_code'

export function codeDocument(project: string, code: ProjectCode): Document {
  return value(`${itemPath({ project })}/${code}`, /^-?\d*$/)
}

export function currentArcDocument(project: string): Document {
  return value(`${itemPath({ project })}/current_arc`, /^[^<>\n]*$/)
}

/** Where XNAT keeps the files of a project. */
export function archiveSpecDocument(project: string): Document {
  return {
    path: `${itemPath({ project })}/archive_spec`,
    problem: (text) => (rootOf(text)?.name === 'project' ? undefined : 'no archive specification came'),
  }
}

/** The types of scans that there are in a project, or on the site. */
export function scanTypesDocument(project?: string): Document {
  return table(`${project === undefined ? '/data' : itemPath({ project })}/scan_types`, 'type')
}

/** The people of a project with their roles, or those of the site. */
export function usersDocument(project?: string): Document {
  return table(project === undefined ? '/data/users' : `${itemPath({ project })}/users`, 'login')
}

/** The data types that can be searched for. */
export function elementsDocument(): Document {
  return table('/data/search/elements', 'element_name')
}

/** What can be searched for in a data type. */
export function fieldsDocument(xsiType: string): Document {
  return table(`/data/search/elements/${segment(xsiType)}`, 'field_id')
}

export function savedSearchDocument(id: string): Document {
  return {
    path: `/data/search/saved/${segment(id)}?format=xml`,
    problem: (text) => {
      const name = rootOf(text)?.name
      return /^(stored_search|bundle|search)$/.test(name ?? '') ? undefined : 'no stored search came'
    },
  }
}

/** What a saved search finds now. Its columns are those that it asks for. */
export function searchResultDocument(id: string): Document {
  return {
    path: `/data/search/saved/${segment(id)}/results?format=csv`,
    problem: (text) => (/^\s*[<{]/.test(text) ? 'no table came' : undefined),
  }
}

/** These routes decode nothing (xnat-wire.md §1.2): what a URL can carry is left as it is. */
function segment(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%40', '@')
}

function value(path: string, pattern: RegExp): Document {
  const problem = (text: string): string | undefined =>
    pattern.test(text.trim()) ? undefined : `'${text.trim().slice(0, 40)}' came, which cannot be its value`
  return { path, isValue: true, problem }
}

/** @param column one that tells the table from others; XNAT's databases do not keep to its case */
function table(path: string, column: string): Document {
  const problem = (text: string): string | undefined => {
    const columns = (text.split('\n', 1)[0] ?? '').toLowerCase().replaceAll('"', '').split(',')
    return columns.some((name) => name.trim() === column) ? undefined : `a table without '${column}' came`
  }
  return { path: `${path}?format=csv`, problem }
}

/** Name (without its namespace) and ID of the outermost element. */
function rootOf(text: string): { readonly name: string; readonly id: string | undefined } | undefined {
  const prolog = /^\uFEFF?(?:\s|<\?[^]*?\?>|<!--[^]*?-->)*/.exec(text)![0]
  const match = /^<(?:[\w.-]+:)?([\w.-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*\/?>/.exec(
    text.slice(prolog.length),
  )
  if (!match) return undefined
  const id = /\sID\s*=\s*(?:"([^"]*)"|'([^']*)')/.exec(match[2]!)
  return { name: match[1]!, id: id ? withoutReferences(id[1] ?? id[2]!) : undefined }
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function withoutReferences(text: string): string {
  return text.replace(/&(#\d+|#x[\da-f]+|\w+);/gi, (reference, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? reference
    return String.fromCodePoint(name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1)))
  })
}
