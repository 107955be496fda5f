import type { ItemAddress } from '../xnat/address.js'
import { cell } from '../xnat/rows.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { DirectoryEntry, Entry } from './archive.js'
import { aliasEntry, directoryEntry, fixedEntry, linkEntry } from './entries.js'
import { levels, placeOf } from './layout.js'
import type { DirectoryListing, ItemPlace, Level, ResourcePart, TreePlace } from './layout.js'
import { unescapeName } from './names.js'
import { resourcePart, resourcesOf } from './resources.js'
import type { Sources } from './sources.js'
import { scanOfZipFolder, selectScans } from './wildcard.js'

/** What a reserved name stands for: known without asking anybody. */
export function reservedEntry(directory: DirectoryEntry, name: string): Entry | undefined {
  const rule = levels[placeOf(directory).level as Level]
  if (rule.selfLinks.includes(name)) return aliasEntry(name, '.')
  return Object.hasOwn(rule.fixed, name) ? fixedEntry(directory, name) : undefined
}

/** Levels whose names are found one by one: nobody wants all experiments of a site listed to open one of them. */
export function isSiteLevel(level: string): level is 'site-experiments' | 'site-subjects' {
  return level === 'site-experiments' || level === 'site-subjects'
}

/** A subject or experiment of the site by its accession ID. */
export async function siteEntry(
  level: 'site-experiments' | 'site-subjects',
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const id = unescapeName(name)
  const item: ItemAddress = level === 'site-experiments' ? { experiment: id } : { subject: id }
  try {
    await sources.item(item)
    return linkEntry(name, item)
  } catch (error) {
    if (error instanceof XnatError && error.code === 'not-found') return undefined
    throw error
  }
}

/** A name that is not listed but resolves: another spelling of a listed one, or a view of several items. */
export async function unlistedEntry(
  directory: DirectoryEntry,
  listing: DirectoryListing,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const canonical = listing.canonicalName(name)
  if (canonical !== undefined) return aliasEntry(name, canonical)
  const place = placeOf(directory)
  if (name === 'files' && levels[place.level as Level].hasFiles) {
    return filesEntry(directory, place as ItemPlace, listing, sources)
  }
  if (place.level === 'scans') return scansAlias(directory, place, listing, name, sources)
  if (place.level === 'scan-selection') return mergedResource(directory, listing, name, sources)
  return undefined
}

async function scansAlias(
  directory: DirectoryEntry,
  place: ItemPlace,
  listing: DirectoryListing,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const scans = await sources.scans(place.item.experiment!)
  const scan = scanOfZipFolder(scans, unescapeName(name))
  const canonical = scan && (listing.canonicalName(scan.id) ?? scan.id)
  if (canonical !== undefined && listing.get(canonical)) return aliasEntry(name, canonical)
  if (!selectScans(scans, name)) return undefined
  const selection: ItemPlace = { ...place, level: 'scan-selection', selection: name, isView: true }
  return directoryEntry(name, `selection:${name}`, directory.mtimeMs, selection)
}

/** `<parent>/files`: the one resource there is, or the files of all of them. */
async function filesEntry(
  directory: DirectoryEntry,
  place: ItemPlace,
  listing: DirectoryListing,
  sources: Sources,
): Promise<Entry> {
  if (place.level === 'scan-selection') {
    return mergedEntry(directory, 'files', await partsOfScans(listing, () => true, sources))
  }
  const resources = await resourcesOf(place.item, sources)
  if (resources.length === 1) {
    const { id } = resources[0]!
    const isBelow = Object.hasOwn(levels[place.level].fixed, 'resources')
    return aliasEntry('files', isBelow ? `resources/${id}` : (listing.canonicalName(id) ?? id))
  }
  const parts = resources.map((resource) => resourcePart(place.item, resource, resource.label || resource.id))
  return mergedEntry(directory, 'files', parts)
}

/** `scans/T1/DICOM`: the files of that resource of every scan selected. */
async function mergedResource(
  directory: DirectoryEntry,
  listing: DirectoryListing,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const label = unescapeName(name)
  const parts = await partsOfScans(
    listing,
    (resource) => resource.label === label || resource.id === label,
    sources,
  )
  return parts.length > 0 ? mergedEntry(directory, name, parts) : undefined
}

async function partsOfScans(
  listing: DirectoryListing,
  isWanted: (resource: { label: string; id: string }) => boolean,
  sources: Sources,
): Promise<ResourcePart[]> {
  const parts: ResourcePart[] = []
  for (const entry of listing.entries) {
    const { item } = placeOf(entry) as ItemPlace
    for (const resource of await resourcesOf(item, sources)) {
      if (isWanted(resource)) parts.push(resourcePart(item, resource, item.scan!))
    }
  }
  return parts
}

function mergedEntry(
  directory: DirectoryEntry,
  name: string,
  parts: readonly ResourcePart[],
): DirectoryEntry {
  const place: TreePlace = { level: 'merged', parts, path: [], isProtected: false, isView: true }
  return directoryEntry(name, `merged:${name}`, directory.mtimeMs, place)
}

/** The project and subject an experiment or subject belongs to, by the fields of its own document. */
export async function ownersOf(item: ItemAddress, sources: Sources): Promise<ItemAddress> {
  if (item.project !== undefined) return item
  const fields = await sources.item(item)
  const project = cell(fields, 'project')
  const subject = item.subject ?? cell(fields, 'subject_ID')
  return { ...item, ...(project !== undefined && { project }), ...(subject !== undefined && { subject }) }
}
