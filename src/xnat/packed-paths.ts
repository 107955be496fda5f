import { isNameableScan, itemPath, placedPath, rawSegment, resourcePath } from './address.js'
import type { ItemAddress, ResourceAddress } from './address.js'

/** The URL paths of what the server packs (xnat-wire.md §4). */

/** Longer ones are refused by servers and by what is before them. */
const longestUrl = 6000

/** Of all files of some resources; undefined where no URL selects just these. */
export function packedResourcesPath(resources: readonly ResourceAddress[]): string | undefined {
  const path = selectedFilesPath(resources)
  return path && packedPath(path)
}

/** Of the list of these files. */
export function selectedFilesPath(resources: readonly ResourceAddress[]): string | undefined {
  const [first, ...others] = resources
  if (!first) return undefined
  if (others.length === 0) return `${resourcePath(first, 'get')}/files`
  // The numbers of resources are those of the site, so that they alone select them out of all items of a kind.
  const numbers = resources.map(({ resource }) => encodeURIComponent(resource)).join(',')
  const items = pathOfAll(resources)
  const path = items && `${items}/resources/${numbers}/files`
  return path !== undefined && path.length <= longestUrl ? path : undefined
}

/** Items and resources as a path of REST selects them, whichever they are (xnat-wire.md §4). */
export interface Selection {
  /** Whose they are: a session, or an item of one with resources. */
  readonly owner: ItemAddress
  /** The ID, type or whatever else selects them, several with commas between. */
  readonly items?: { readonly of: 'scans' | 'reconstructions' | 'assessors'; readonly names: string }
  readonly side?: 'in' | 'out'
  readonly resources?: string
}

/** Of a list of what is in them by that path, which says how it is sorted; undefined where no URL spells it so. */
export function selectionPath(
  { owner, items, side, resources }: Selection,
  list: 'files' | 'resources',
): string | undefined {
  const { scan } = owner
  const isAsked =
    (scan === undefined || isNameableScan(scan)) &&
    (items === undefined || isSpelt(items.names, items.of === 'assessors')) &&
    (resources === undefined || isSpelt(resources, true))
  if (!isAsked) return undefined
  const parts = [
    ...(items === undefined ? [] : [items.of, segmentOf(items.names)]),
    ...(side === undefined ? [] : [side]),
    ...(resources === undefined ? [] : ['resources', segmentOf(resources)]),
  ]
  return [placedPath(owner, 'get'), ...parts, list].join('/')
}

/** XNAT decodes the names of scans and reconstructions only (xnat-wire.md §1.2). */
function isSpelt(names: string, isRaw: boolean): boolean {
  return names.split(',').every((name) => isNameableScan(name) && (!isRaw || /^[\w.:@~*-]+$/.test(name)))
}

function segmentOf(names: string): string {
  return names.split(',').map(rawSegment).join(',')
}

/**
 * Of the files of a folder of a resource, or of all of them, as small as they are stored.
 * @param folderPath as URLs have it; '' is the top
 */
export function packedFolderPath(resource: ResourceAddress, folderPath: string): string {
  const folder = folderPath === '' ? '' : `/${folderPath}/`
  return `${packedPath(`${resourcePath(resource, 'get')}/files${folder}`)}&compression=0`
}

/** Of the folder that a path of the prearchive leads to, or of the files of a list. */
export function packedPath(path: string): string {
  return `${path}?format=zip`
}

/** Of the DICOM files of a scan, with their index. */
export function dicomDirPath(scan: ItemAddress): string {
  return `${itemPath(scan)}/DICOMDIR`
}

function pathOfAll(items: readonly ItemAddress[]): string | undefined {
  const { scan, reconstruction, assessor, side, ...owner } = items[0]!
  const isOfOwner = (item: ItemAddress): boolean => item.experiment === owner.experiment && item.side === side
  if (!items.every(isOfOwner)) return undefined
  const kind = scan !== undefined ? 'scan' : reconstruction !== undefined ? 'reconstruction' : 'assessor'
  const ids = [...new Set(items.map((item) => item[kind]))]
  if (scan === undefined && reconstruction === undefined && assessor === undefined) return itemPath(owner)
  if (owner.experiment === undefined || ids.includes(undefined)) return undefined
  const isAll = kind === 'scan' && !ids.every((id) => isNameableScan(id!))
  const names = isAll ? 'ALL' : ids.map((id) => encodeURIComponent(id!)).join(',')
  const path = `${itemPath({ experiment: owner.experiment })}/${kind}s/${names}`
  return side === undefined ? path : `${path}/${side}`
}
