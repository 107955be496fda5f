import { documentPath, itemPath, rawSegment } from './address.js'
import type { ItemAddress } from './address.js'
import { itemDocument, savedSearchPath, withoutReferences } from './documents.js'
import type { Document, DocumentChange } from './documents.js'
import type { RestCalls } from './rest-calls.js'
import { cell } from './rows.js'
import type { Row } from './rows.js'
import { withParameters } from './service-paths.js'
import type { Parameter } from './service-paths.js'
import { XnatError } from './xnat-error.js'

/** Somebody who has a role in a project. */
export interface Member {
  /** `Owners`, `Members`, `Collaborators`, or a group of the project's own. */
  readonly role: string
  readonly login: string
}

/** A project that has an item, under a label of its own. */
export interface ItemProject {
  readonly id: string
  readonly label: string
}

/** What a project can run. */
export interface Pipeline {
  readonly name: string
  /** Where the server has it. */
  readonly path: string
  readonly datatype: string
}

/** The part of REST that is about the archive itself: who may do what, what is shared, what is searched for. */
export class ControlClient {
  readonly #rest: RestCalls

  constructor(rest: RestCalls) {
    this.#rest = rest
  }

  /** Exactly the bytes that the server sends. */
  async document(document: Document, signal?: AbortSignal): Promise<Buffer> {
    const { path, isValue, isPage, unnameable, unfound } = document
    if (unnameable) throw unnameable
    const believed = (bytes: Buffer): Buffer => {
      const problem = document.problem(bytes.toString('utf8'))
      if (problem !== undefined) throw new Error(problem)
      return bytes
    }
    try {
      return await this.#rest.readBytes(path, believed, signal, isValue || isPage ? 'allowed' : 'never')
    } catch (error) {
      if (unfound && error instanceof XnatError && error.code === 'not-found') throw unfound
      throw error
    }
  }

  async members(project: string, signal?: AbortSignal): Promise<Member[]> {
    const rows = await this.#rest.rows(`${itemPath({ project })}/users`, {}, signal)
    return rows.map(inLowerCase).flatMap((row) => {
      const [role, login] = [cell(row, 'displayname'), cell(row, 'login')]
      return role === undefined || login === undefined ? [] : [{ role, login }]
    })
  }

  /** The project that owns a subject or experiment first, then those it is shared into (xnat-wire.md §2.2). */
  async projectsOf(item: ItemAddress, signal?: AbortSignal): Promise<ItemProject[]> {
    // Of a scan XNAT has no such list: its document tells.
    if (item.scan !== undefined) return sharesIn((await this.document(itemDocument(item), signal)).toString())
    const rows = await this.#rest.rows(`${itemPath(item)}/projects`, {}, signal)
    return rows.map(inLowerCase).flatMap((row) => {
      const id = cell(row, 'id')
      return id === undefined ? [] : [{ id, label: row['label'] ?? '' }]
    })
  }

  /** The IDs of the searches that are kept. */
  async savedSearches(signal?: AbortSignal): Promise<string[]> {
    const rows = await this.#rest.rows('/data/search/saved', {}, signal)
    return rows.map(inLowerCase).flatMap((row) => cell(row, 'id') ?? [])
  }

  /** The pipelines that a project can run, each once for every data type that it is for. */
  async pipelines(project: string, signal?: AbortSignal): Promise<Pipeline[]> {
    const rows = await this.#rest.rows(`${itemPath({ project })}/pipelines`, {}, signal)
    return rows.map(inLowerCase).flatMap((row) => {
      const name = cell(row, 'name')
      return name === undefined ? [] : [{ name, path: row['path'] ?? '', datatype: row['datatype'] ?? '' }]
    })
  }

  /** Takes a pipeline from a project, for one data type. */
  async removePipeline(project: string, { path, datatype }: Pipeline, signal?: AbortSignal): Promise<void> {
    const query = `path=${encodeURIComponent(path)}&datatype=${encodeURIComponent(datatype)}`
    await this.#rest.command('DELETE', `${itemPath({ project })}/pipelines?${query}`, signal)
  }

  /** @param bytes what `change.refusal` has nothing against */
  async change(change: DocumentChange, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { path, ...body } = change.request(bytes)
    await this.#rest.command('PUT', path, signal, body)
  }

  /** The log-ins of all users of the site. */
  async logins(signal?: AbortSignal): Promise<string[]> {
    const rows = await this.#rest.rows('/data/users', {}, signal)
    return rows.map(inLowerCase).flatMap((row) => cell(row, 'login') ?? [])
  }

  /** Gives somebody a role in a project, and no other beside it. XNAT says 200 also where it does nothing. */
  async addMember(project: string, { role, login }: Member, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('PUT', memberPath(project, role, login), signal)
  }

  async removeMember(project: string, { role, login }: Member, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', memberPath(project, role, login), signal)
  }

  /** @throws XnatError 'conflict' when the project has the item, or another of its label */
  async share(item: ItemAddress, project: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('PUT', sharePath(item, project), signal)
  }

  /** Of the project that owns the item, this would delete the item with all its data. */
  async unshare(item: ItemAddress, project: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', sharePath(item, project), signal)
  }

  /** What the user wants to find again, of a data type: IDs of anything. */
  async favorites(xsiType: string, signal?: AbortSignal): Promise<string[]> {
    // XNAT looks for the data type among the parameters (xnat-wire.md §11.3).
    const rows = await this.#rest.rows(favoritesPath(xsiType), { DATA_TYPE: xsiType }, signal)
    return rows.map(inLowerCase).flatMap((row) => cell(row, 'id') ?? [])
  }

  async addFavorite(xsiType: string, id: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('PUT', `${favoritesPath(xsiType)}/${rawSegment(id)}`, signal)
  }

  async removeFavorite(xsiType: string, id: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', `${favoritesPath(xsiType)}/${rawSegment(id)}`, signal)
  }

  /** Has the server do something by itself. @returns what it answers */
  order(path: string, parameters: readonly Parameter[], signal?: AbortSignal): Promise<Buffer> {
    return this.#rest.order(withParameters(path, parameters), signal)
  }

  async deleteSearch(id: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', savedSearchPath(id), signal)
  }

  /** @returns a table as CSV */
  runSearch(xml: Buffer, signal?: AbortSignal): Promise<Buffer> {
    return this.#rest.ask('/data/search?format=csv', xml, signal)
  }
}

function memberPath(project: string, role: string, login: string): string {
  return `${itemPath({ project })}/users/${rawSegment(role)}/${rawSegment(login)}`
}

/** The project that a document says an item is of, and those that it is shared with. */
function sharesIn(xml: string): ItemProject[] {
  const value = (tag: string, name: string): string =>
    withoutReferences(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? '')
  const [root = ''] = /<(?!\?)[^>]*>/.exec(xml) ?? []
  const tags = [root, ...(xml.match(/<(?:\w+:)?share\s[^>]*>/g) ?? [])]
  return tags
    .map((tag) => ({ id: value(tag, 'project'), label: tag === root ? '' : value(tag, 'label') }))
    .filter(({ id }) => id !== '')
}

function favoritesPath(xsiType: string): string {
  return `/data/users/favorites/${rawSegment(xsiType)}`
}

function sharePath(item: ItemAddress, project: string): string {
  return `${documentPath(item)}/projects/${encodeURIComponent(project)}`
}

/** Databases do not keep to the case of unquoted columns (xnat-wire.md §2.2). */
export function inLowerCase(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column.toLowerCase(), value]))
}
