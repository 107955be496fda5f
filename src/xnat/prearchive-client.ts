import type { RestCalls } from './rest-calls.js'
import { cell, cellsOf, numberCell, parseTimeMs } from './rows.js'
import type { Row } from './rows.js'
import { XnatError } from './xnat-error.js'

/** What the server calls the project of sessions that have none. */
export const unassigned = 'Unassigned'

/** A session that waits to be archived. */
export interface PrearchivedAddress {
  readonly project: string
  /** When it came, as a part of its path: `20260101_120000123`. */
  readonly timestamp: string
  /** Of its folder; not always its label. */
  readonly name: string
}

export interface PrearchivedSession extends PrearchivedAddress {
  readonly modifiedMs: number | undefined
  /** READY, RECEIVING, BUILDING, ERROR … */
  readonly status: string
  /** Other cells of the listing, by the names of their columns. */
  readonly details: Row
}

export interface PrearchivedScan {
  readonly id: string
  readonly details: Row
}

export interface PrearchivedResource {
  /** Undefined where it is one of the session itself. */
  readonly scan: string | undefined
  readonly label: string
}

/** A resource of a scan, or of the session itself. It has no number before it is archived. */
export interface PrearchivedResourceAddress extends PrearchivedAddress {
  readonly scan?: string
  readonly resource: string
}

export interface PrearchivedFile {
  readonly storedPath: string
  readonly sizeBytes: number | undefined
}

const sessionDetails = ['subject', 'name', 'tag', 'status', 'scan_date']
const scanDetails = ['xsiType', 'series_description']

/** The part of REST that is about the prearchive. @throws XnatError from every method */
export class PrearchiveClient {
  readonly #rest: RestCalls

  constructor(rest: RestCalls) {
    this.#rest = rest
  }

  /** Those of a project, or all that this user may edit. */
  async sessions(project: string | undefined, signal?: AbortSignal): Promise<PrearchivedSession[]> {
    const path = project === undefined ? prearchivePath : `${prearchivePath}/projects/${segment(project)}`
    return (await this.#rest.rows(path, {}, signal)).flatMap(toSession)
  }

  async scans(session: PrearchivedAddress, signal?: AbortSignal): Promise<PrearchivedScan[]> {
    const rows = await this.#rest.rows(`${prearchivedPath(session)}/scans`, {}, signal)
    return rows.flatMap((row) => {
      const id = cell(row, 'ID')
      return id === undefined ? [] : [{ id, details: cellsOf(row, scanDetails) }]
    })
  }

  /** Those of the session and of all scans in one request. Servers without this list take the question for another (xnat-wire.md §2.2). */
  async resources(
    session: PrearchivedAddress,
    scans: readonly PrearchivedScan[],
    signal?: AbortSignal,
  ): Promise<PrearchivedResource[]> {
    const rows = await this.#rest.rows(`${prearchivedPath(session)}/resources`, {}, signal)
    const isOfScan = (row: Row): boolean => cell(row, 'category') !== 'resources'
    if (rows.filter(isOfScan).every((row) => cell(row, 'cat_id') !== undefined)) {
      return rows.flatMap((row) => {
        const label = cell(row, 'label')
        return label === undefined ? [] : [{ scan: isOfScan(row) ? row['cat_id']! : undefined, label }]
      })
    }
    const ofEach = scans.map(async ({ id }) => {
      const own = await this.#rest.rows(`${scanPath(session, id)}/resources`, {}, signal)
      return own.flatMap((row) => {
        const label = cell(row, 'label')
        return label === undefined ? [] : [{ scan: id, label }]
      })
    })
    return (await Promise.all(ofEach)).flat()
  }

  async files(resource: PrearchivedResourceAddress, signal?: AbortSignal): Promise<PrearchivedFile[]> {
    const rows = await this.#rest.rows(prearchivedFilesPath(resource), {}, signal)
    return rows.flatMap((row) => {
      // `Name` is the last part only.
      const storedPath = filePath.exec(row['URI'] ?? '')?.[1]
      return storedPath === undefined ? [] : [{ storedPath, sizeBytes: numberCell(row, 'Size') }]
    })
  }

  /** Deletes a session with all its files. */
  async remove(session: PrearchivedAddress, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', prearchivedPath(session), signal)
  }
}

/** In the URIs of lists: `…/files/` after the first resource that they name. */
const filePath = /^.*?(?:\/scans\/[^/]*)?\/resources\/[^/]*\/files\/([\s\S]+)$/
const prearchivePath = '/data/prearchive'

/** @throws XnatError 'unnameable' when no URL names it, as all these functions */
export function prearchivedPath({ project, timestamp, name }: PrearchivedAddress): string {
  return `${prearchivePath}/projects/${segment(project)}/${segment(timestamp)}/${segment(name)}`
}

export function scanPath(session: PrearchivedAddress, scan: string): string {
  return `${prearchivedPath(session)}/scans/${segment(scan)}`
}

/** The list of a resource's files, and what their own paths begin with. */
export function prearchivedFilesPath(resource: PrearchivedResourceAddress): string {
  return `${prearchivedResourcePath(resource)}/files`
}

export function prearchivedResourcePath({ scan, resource, ...session }: PrearchivedResourceAddress): string {
  const parent = scan === undefined ? prearchivedPath(session) : scanPath(session, scan)
  return `${parent}/resources/${segment(resource)}`
}

/** Nothing of these paths is decoded, and `&` and quotes are escaped before they are looked for (xnat-wire.md §2.2). */
function segment(name: string): string {
  if (/^[A-Za-z0-9\-._~!$()*+,;=:@]+$/.test(name) && name !== '.' && name !== '..') return name
  const reason = 'XNAT looks there for names as URLs spell them, and this one cannot stand in a URL'
  throw new XnatError('unnameable', `no URL names '${name}' in the prearchive: ${reason}`)
}

function toSession(row: Row): PrearchivedSession[] {
  const [timestamp, name] = [cell(row, 'timestamp'), cell(row, 'folderName')]
  if (timestamp === undefined || name === undefined) return []
  const modifiedMs = parseTimeMs(cell(row, 'lastmod')) ?? parseTimeMs(cell(row, 'uploaded'))
  const { status = '' } = row
  const details = cellsOf(row, sessionDetails)
  return [{ project: cell(row, 'project') ?? unassigned, timestamp, name, modifiedMs, status, details }]
}
