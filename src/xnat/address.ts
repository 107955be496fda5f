import { XnatError } from './xnat-error.js'

/**
 * What a URL can name, by the IDs the server gave: accession IDs, scan IDs, numeric resource IDs. Labels are never
 * sent where an ID exists: XNAT does not decode them in most routes, so a label that needs an escape is not found
 * (xnat-wire.md §1.2).
 */
export interface ItemAddress {
  readonly project?: string
  readonly subject?: string
  readonly experiment?: string
  readonly scan?: string
  readonly reconstruction?: string
  readonly assessor?: string
  /** Of a reconstruction or an assessor. */
  readonly side?: 'in' | 'out'
}

export interface ResourceAddress extends ItemAddress {
  /** The numeric ID; a label where the resource is yet to be made. */
  readonly resource: string
}

/**
 * What the URL is for. 'get' may name a resource of an unnameable scan by a wildcard and its numeric ID; for 'change'
 * there must be no doubt which item is meant.
 */
export type Use = 'get' | 'change'

/**
 * The URL path of an item. The most specific ID decides: experiments and subjects are found without their project.
 * @throws XnatError 'unnameable' when no URL can name it
 */
export function itemPath(item: ItemAddress, use: Use = 'change'): string {
  if (item.experiment !== undefined) {
    return `/data/experiments/${encodeURIComponent(item.experiment)}${withinExperiment(item, use)}`
  }
  if (item.subject !== undefined) return `/data/subjects/${encodeURIComponent(item.subject)}`
  if (item.project !== undefined) return `/data/projects/${encodeURIComponent(item.project)}`
  throw new TypeError('an address needs a project, a subject or an experiment')
}

/** Most routes decode nothing (xnat-wire.md §1.2): in names that are no IDs, what a URL can carry is left as it is. */
export function rawSegment(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%40', '@')
}

/** The URL path of the document of an item: as `itemPath`, but for IDs that XNAT finds only if they are not escaped. */
export function documentPath(item: ItemAddress): string {
  const id = item.assessor === undefined ? (item.scan ?? item.reconstruction) : undefined
  return id !== undefined && isOwnSegment(id) ? entityPath(item) : itemPath(item)
}

/** The URL path of the list of the experiments of a subject in a project, of a project, or of the site. */
export function experimentsPath({ project, subject }: ItemAddress): string {
  if (project === undefined) return '/data/experiments'
  const path = `/data/projects/${encodeURIComponent(project)}`
  return subject === undefined
    ? `${path}/experiments`
    : `${path}/subjects/${encodeURIComponent(subject)}/experiments`
}

/** The URL path of a subject or an experiment within the project that owns it: only there it has a label of its own. */
export function ownedPath({ project, subject, experiment }: ItemAddress): string {
  if (project === undefined || subject === undefined) throw new TypeError('no subject of a project')
  const path = `/data/projects/${encodeURIComponent(project)}/subjects/${encodeURIComponent(subject)}`
  return experiment === undefined ? path : `${path}/experiments/${encodeURIComponent(experiment)}`
}

/**
 * The URL path of an item that is to be made or removed. XNAT makes an assessor only where the URL has a project, which
 * then owns it.
 * @throws XnatError 'unnameable' where no URL does
 */
export function entityPath(entity: ItemAddress): string {
  const { assessor, ...session } = entity
  if (assessor !== undefined) return `${ownedPath(session)}/assessors/${encodeURIComponent(assessor)}`
  const { scan, reconstruction, experiment } = entity
  if (scan !== undefined) return `${itemPath({ experiment: experiment! })}/scans/${ownSegment(scan)}`
  if (reconstruction !== undefined)
    return `${itemPath({ experiment: experiment! })}/reconstructions/${ownSegment(reconstruction)}`
  return entity.subject === undefined ? itemPath(entity) : ownedPath(entity)
}

/**
 * A scan or reconstruction itself is looked for by its ID as the URL spells it, and with quotes and `&` escaped, unlike
 * its resources (xnat-wire.md §1.2).
 */
function ownSegment(id: string): string {
  if (isOwnSegment(id)) return id
  throw new XnatError('unnameable', `no URL names '${id}' itself: XNAT looks for it as URLs spell it`)
}

export function resourcePath(address: ResourceAddress, use: Use = 'change'): string {
  return `${itemPath(address, use)}/resources/${encodeURIComponent(address.resource)}`
}

/** @param path of a file in the resource, as URLs have it; a folder ends in `/` */
export function storedFilePath(resource: ResourceAddress, path: string): string {
  return `${resourcePath(resource, 'get')}/files/${path}`
}

/**
 * The URL path of an item as its directory says it, with the project and the subject where they are known. Lists of files
 * begin each URI as their question does (xnat-wire.md §2.4).
 * @throws XnatError 'unnameable' when no URL can name it
 */
export function placedPath(item: ItemAddress, use: Use = 'change'): string {
  if (item.project === undefined || item.subject === undefined) return itemPath(item, use)
  return `${ownedPath(item)}${withinExperiment(item, use)}`
}

/** The URL path of a list in an item, such as `scans` or `resources`. */
export function listPath(item: ItemAddress, list: string): string {
  return `${itemPath(item)}/${list}`
}

/** What XNAT escapes for XML in an ID before it looks for it (§1.2). */
const escapedForXml = /[<>&"']|(?![\t\n\r\x85])\p{Cc}/u

/**
 * A comma separates scan IDs in a URL and `%2F` is refused (§3.6, §8); URLs are rewritten where a segment is '.' or
 * '..'; what XNAT escapes it does not find. A scan with such an ID cannot be named.
 */
export function isNameableScan(scan: string): boolean {
  return !/[,/\\]/.test(scan) && !escapedForXml.test(scan) && scan !== '.' && scan !== '..'
}

function withinExperiment(item: ItemAddress, use: Use): string {
  const side = item.side === undefined ? '' : `/${item.side}`
  if (item.scan !== undefined) return `/scans/${scanSegment(item.scan, use)}`
  if (item.reconstruction !== undefined) {
    return `/reconstructions/${encodeURIComponent(item.reconstruction)}${side}`
  }
  if (item.assessor !== undefined) return `/assessors/${encodeURIComponent(item.assessor)}${side}`
  return ''
}

function scanSegment(scan: string, use: Use): string {
  if (isNameableScan(scan)) return encodeURIComponent(scan)
  if (use === 'get') return 'ALL'
  throw new XnatError('unnameable', `no URL can name scan '${scan}': XNAT takes its ID for another text`)
}

function isOwnSegment(id: string): boolean {
  return /^[A-Za-z0-9\-._~!$()+;=:@]+$/.test(id) && id !== '.' && id !== '..'
}
