import { itemPath } from './address.js'
import type { ItemAddress } from './address.js'
import type { Document } from './documents.js'
import type { RestCalls } from './rest-calls.js'
import { cell } from './rows.js'
import type { Row } from './rows.js'

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

/** The part of REST that is about the archive itself: who may do what, what is shared, what is searched for. */
export class ControlClient {
  readonly #rest: RestCalls

  constructor(rest: RestCalls) {
    this.#rest = rest
  }

  /** Exactly the bytes that the server sends. */
  document(document: Document, signal?: AbortSignal): Promise<Buffer> {
    const believed = (bytes: Buffer): Buffer => {
      const problem = document.problem(bytes.toString('utf8'))
      if (problem !== undefined) throw new Error(problem)
      return bytes
    }
    return this.#rest.readBytes(document.path, believed, signal, document.isValue ? 'allowed' : 'never')
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
}

/** Databases do not keep to the case of unquoted columns (xnat-wire.md §2.2). */
function inLowerCase(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column.toLowerCase(), value]))
}
