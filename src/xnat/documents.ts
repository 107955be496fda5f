import { documentPath, entityPath, itemPath, rawSegment, resourcePath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'
import { prearchivedPath } from './prearchive-client.js'
import type { PrearchivedAddress } from './prearchive-client.js'
import { XnatError } from './xnat-error.js'

/**
 * A document of XNAT's REST interface that is no list of items and no stored file. A URL that leads nowhere can answer
 * 200 with another document (xnat-wire.md §1.2), so each tells how it is known.
 */
export interface Document {
  /** The URL path with its query. */
  readonly path: string
  /** A word or number, which XNAT sends with the media type of a page. */
  readonly isValue?: true
  /** It may be a page, and is what was asked for. */
  readonly isPage?: true
  /** Not every server has it, and one that has not may answer with something else. */
  readonly isOptional?: true
  /** No URL names it: it is there, and cannot be asked for. */
  readonly unnameable?: XnatError
  /** Where XNAT finds nothing under its URL, this is why, and not that it is gone. */
  readonly unfound?: XnatError
  /** Costs the server too much to ask for it where only its name is wanted. */
  readonly isCostly?: true
  /** What is changed through the mount changes it: who opens it is told what it says then. */
  readonly isAskedAnew?: true
  /** Why this text is not the document, or undefined. */
  problem(text: string): string | undefined
  /** How it is changed, if it can be. */
  readonly change?: DocumentChange
}

/** A document that somebody has written goes to the server as the body of a PUT, a value as a part of its path. */
export interface DocumentChange {
  /** Why the server would not take this text, or would take it for something else; undefined where it is to be sent. */
  refusal(text: string): string | undefined
  request(bytes: Buffer): DocumentRequest
}

/** A PUT, of an XML document or of any text. */
export interface DocumentRequest {
  readonly path: string
  readonly xml?: Buffer
  readonly text?: Buffer
}

/** The XML document of the item that the address ends in. */
export function itemDocument(item: ItemAddress): Document {
  const id =
    item.assessor ?? item.reconstruction ?? item.scan ?? item.experiment ?? item.subject ?? item.project
  return {
    ...namedAs(item),
    problem: (text) => {
      const root = rootOf(text)
      if (!root) return 'no XML came'
      return root.id === id ? undefined : `the document of '${root.id ?? root.name}' came instead of '${id}'`
    },
    change: {
      refusal: (text) => {
        const root = rootOf(text)
        if (!root) return 'it is no XML document'
        return root.id === undefined || root.id === id ? undefined : `it is about '${root.id}', not '${id}'`
      },
      request: (xml) => ({ path: documentPath(item), xml }),
    },
  }
}

/** A scan or reconstruction is looked for as URLs spell its ID (xnat-wire.md §1.2), which servers may mend. */
function namedAs(item: ItemAddress): Pick<Document, 'path' | 'unnameable' | 'unfound'> {
  try {
    const path = `${documentPath(item)}?format=xml`
    const isDoubtful = item.scan !== undefined || item.reconstruction !== undefined
    const unfound = isDoubtful ? unnameableEntity(item) : undefined
    return { path, ...(unfound && { unfound }) }
  } catch (error) {
    if (error instanceof XnatError) return { path: '', unnameable: error }
    throw error
  }
}

function unnameableEntity(item: ItemAddress): XnatError | undefined {
  try {
    entityPath(item)
    return undefined
  } catch (error) {
    if (error instanceof XnatError) return error
    throw error
  }
}

export function catalogDocument(resource: ResourceAddress): Document {
  return {
    path: resourcePath(resource, 'get'),
    problem: (text) => (/^(dcm)?catalog$/i.test(rootOf(text)?.name ?? '') ? undefined : 'no catalog came'),
  }
}

/** What an experiment can be set to, by the parameter of a PUT of it that does so (xnat-wire.md §6). */
const statusParameters: Readonly<Record<string, string>> = {
  active: 'activate',
  quarantine: 'quarantine',
  locked: '_lock',
  obsolete: '_obsolete',
}

/** `active`, or what the experiment was set to. XNAT takes no PUT of it: it is changed with the experiment. */
export function statusDocument(item: ItemAddress): Document {
  const document = value(`${itemPath(item)}/status`, /^[^<>\n]*$/, {
    pattern: /^(active|quarantine|locked|obsolete)$/,
    words: 'active, quarantine, locked or obsolete',
  })
  const request = (bytes: Buffer): { path: string } => {
    const parameter = statusParameters[bytes.toString().trim()]!
    return { path: `${itemPath(item)}?${parameter}=true` }
  }
  return { ...document, change: { ...document.change!, request } }
}

/** The same word of a subject, which nothing sets (xnat-wire.md §1.3). */
export function subjectStatusDocument(item: ItemAddress): Document {
  return { ...value(`${itemPath(item)}/status`, /^[^<>\n]*$/), isOptional: true }
}

export function accessibilityDocument(project: string): Document {
  const levels = /^(public|protected|private)$/
  return value(`${itemPath({ project })}/accessibility`, levels, {
    pattern: levels,
    words: 'public, protected or private',
  })
}

export type ProjectCode = 'prearchive_code' | 'quarantine_code'

export function codeDocument(project: string, code: ProjectCode): Document {
  return value(`${itemPath({ project })}/${code}`, /^-?\d*$/, {
    pattern: /^(0|[1-9]\d*)$/,
    words: 'a whole number',
  })
}

/** Whether the types of scans are made uniform when sessions of the project are archived. */
export function scanTypeMappingDocument(project: string): Document {
  const words = /^(true|false)$/
  const path = `${itemPath({ project })}/scan_type_mapping`
  return { ...value(path, words, { pattern: words, words: 'true or false' }), isOptional: true }
}

export function currentArcDocument(project: string): Document {
  return value(`${itemPath({ project })}/current_arc`, /^[^<>\n]*$/, {
    pattern: /^\w[\w.-]*$/,
    words: 'the name of a folder, such as arc001',
  })
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

/** The sessions that wait to be archived, of a project or of all that this user may see. */
export function prearchiveDocument(project?: string): Document {
  const path = project === undefined ? '/data/prearchive' : `/data/prearchive/projects/${rawSegment(project)}`
  return table(path, 'foldername')
}

/** What a session that waits to be archived will be. */
export function prearchivedDocument(session: PrearchivedAddress): Document {
  return {
    path: `${prearchivedPath(session)}?format=xml`,
    problem: (text) => (rootOf(text) ? undefined : 'no XML came'),
  }
}

/** The sessions that came lately, of all that this user may see: in the last ten days. */
export function recentDocument(): Document {
  return { ...table('/data/prearchive/experiments', 'foldername', 'recent=true&'), isOptional: true }
}

/** The resources of a session that waits and of its scans. */
export function prearchivedResourcesDocument(session: PrearchivedAddress): Document {
  return table(`${prearchivedPath(session)}/resources`, 'cat_id')
}

/** What the server has noted of a session that waits, such as why it could not be archived. */
export function prearchivedLogDocument(session: PrearchivedAddress): Document {
  return table(`${prearchivedPath(session)}/logs`, 'entry')
}

/** The pipelines that a project can run. */
export function pipelinesDocument(project: string): Document {
  return table(`${itemPath({ project })}/pipelines`, 'path')
}

/** The archive specification of a project as far as it is about pipelines. */
export function projectPipelinesDocument(project: string): Document {
  return {
    path: `${itemPath({ project })}/pipelines?format=xml`,
    problem: (text) => (rootOf(text)?.name === 'project' ? undefined : 'no pipelines of a project came'),
  }
}

/** What one pipeline does and is given. XNAT tells that as JSON only. */
export function pipelineDocument(project: string, name: string): Document {
  return {
    path: `${itemPath({ project })}/pipelines/${rawSegment(name)}?format=json`,
    problem: (text) =>
      /^\s*\{(?!\s*"ResultSet")/.test(text) ? undefined : 'no description of a pipeline came',
  }
}

/** Somebody who has an account, which XNAT tells to site administrators only. */
export function userDocument(login: string): Document {
  return {
    path: `/data/user/${rawSegment(login)}?format=xml`,
    problem: (text) =>
      rootOf(text)?.name === 'user' && text.includes(`<login>${login}</login>`)
        ? undefined
        : `the document of '${login}' did not come`,
  }
}

/** The people of a project with their roles, or those of the site. */
export function usersDocument(project?: string): Document {
  return table(project === undefined ? '/data/users' : `${itemPath({ project })}/users`, 'login')
}

/** The people of a project, with those whose accounts are not active or without. */
export function allUsersDocument(project: string, withHidden: boolean): Document {
  return table(`${itemPath({ project })}/users/${withHidden}`, 'login')
}

/** The data types that can be searched for. */
export function elementsDocument(): Document {
  return table('/data/search/elements', 'element_name')
}

/** What can be searched for in a data type. */
export function fieldsDocument(xsiType: string): Document {
  return table(`/data/search/elements/${rawSegment(xsiType)}`, 'field_id')
}

export function savedSearchDocument(id: string): Document {
  const path = savedSearchPath(id)
  return {
    path: `${path}?format=xml`,
    problem: (text) => (isSearch(text) ? undefined : 'no stored search came'),
    change: { refusal: (text) => searchRefusal(text, id), request: (xml) => ({ path, xml }) },
  }
}

export function savedSearchPath(id: string): string {
  return `/data/search/saved/${rawSegment(id)}`
}

/** Why a text is no search that could be run, or kept under this ID. */
export function searchRefusal(text: string, id?: string): string | undefined {
  if (!isSearch(text)) return 'it is no XML document of a search'
  const own = rootOf(text)?.id ?? id
  return id === undefined || own === id ? undefined : `it is the search '${own}', not '${id}'`
}

export function isSearch(text: string): boolean {
  return /^(stored_search|bundle|search)$/.test(rootOf(text)?.name ?? '')
}

/** What a saved search finds now: it is run for each question. Its columns are those that it asks for. */
export function searchResultDocument(id: string): Document {
  return {
    isCostly: true,
    path: `${savedSearchPath(id)}/results?format=csv`,
    problem: (text) => (/^\s*[<{]/.test(text) ? 'no table came' : undefined),
  }
}

/** What a value can be set to, and how to say that. */
interface Settable {
  readonly pattern: RegExp
  readonly words: string
}

export function value(path: string, pattern: RegExp, settable?: Settable): Document {
  const problem = (text: string): string | undefined =>
    pattern.test(text.trim()) ? undefined : `'${text.trim().slice(0, 40)}' came, which cannot be its value`
  if (!settable) return { path, isValue: true, problem }
  const refusal = (text: string): string | undefined =>
    settable.pattern.test(text.trim())
      ? undefined
      : `it cannot be '${text.trim().slice(0, 40)}'; give ${settable.words}`
  const request = (bytes: Buffer): { path: string } => ({ path: `${path}/${bytes.toString().trim()}` })
  return { path, isValue: true, problem, change: { refusal, request } }
}

/** @param key one that the outermost object has */
export function json(path: string, key: string): Document {
  const isIt = (text: string): boolean => {
    try {
      return Object.hasOwn(JSON.parse(text) as object, key)
    } catch {
      return false
    }
  }
  return { path, problem: (text) => (isIt(text) ? undefined : `no JSON with '${key}' came`) }
}

/** @param column one that tells the table from others; XNAT's databases do not keep to its case */
export function table(path: string, column: string, query = ''): Document {
  const problem = (text: string): string | undefined => {
    const columns = (text.split('\n', 1)[0] ?? '').toLowerCase().replaceAll('"', '').split(',')
    return columns.some((name) => name.trim() === column) ? undefined : `a table without '${column}' came`
  }
  return { path: `${path}?${query}format=csv`, problem }
}

/** Name (without its namespace) and ID of the outermost element. */
export function rootOf(text: string): { readonly name: string; readonly id: string | undefined } | undefined {
  const prolog = /^\uFEFF?(?:\s|<\?[^]*?\?>|<!--[^]*?-->)*/.exec(text)![0]
  const match = /^<(?:[\w.-]+:)?([\w.-]+)((?:\s+[\w.:-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*\/?>/.exec(
    text.slice(prolog.length),
  )
  if (!match) return undefined
  const id = /\sID\s*=\s*(?:"([^"]*)"|'([^']*)')/.exec(match[2]!)
  return { name: match[1]!, id: id ? withoutReferences(id[1] ?? id[2]!) : undefined }
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

export function withoutReferences(text: string): string {
  return text.replace(/&(#\d+|#x[\da-f]+|\w+);/gi, (reference, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? reference
    return String.fromCodePoint(name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1)))
  })
}
