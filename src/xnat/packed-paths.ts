import { isNameableScan, itemPath, resourcePath } from './address.js'
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
