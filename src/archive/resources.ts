import type { ItemAddress } from '../xnat/address.js'
import { isNameableScan } from '../xnat/address.js'
import type { Resource } from '../xnat/client.js'
import type { DirectoryEntry, Facts } from './archive.js'
import { directoryEntry, fixedEntry, shown } from './entries.js'
import { DirectoryListing, levels, placeOf } from './layout.js'
import type { Child, ItemPlace, ResourcePart, TreePlace } from './layout.js'
import type { Sources } from './sources.js'

/** Answers to somebody who may not see a thing (xnat-wire.md §7). */
export const unseen = ['forbidden', 'not-found'] as const

export function ofCategory(resources: readonly Resource[], category: string, owner?: string): Resource[] {
  if (category === 'resources') {
    const others = new Set(['scans', 'reconstructions', 'assessors'])
    return resources.filter((resource) => !others.has(resource.category))
  }
  return resources.filter((resource) => resource.category === category && resource.ownerId === owner)
}

/** The resources of an item, from the one listing of its session where that has them. */
export async function resourcesOf(item: ItemAddress, sources: Sources): Promise<Resource[]> {
  const { experiment, scan, reconstruction, assessor } = item
  if (experiment === undefined) return sources.resources(item)
  if (scan !== undefined) {
    const resources = ofCategory(await sources.allResources(experiment), 'scans', scan)
    if (resources.length > 0 || !isNameableScan(scan)) return resources
    // None, or a server that does not know `all=true`: then its answer for the scan alone decides. What it says of
    // another item is its answer for a scan that is gone (xnat-wire.md §2.3, the wrong-parent trap).
    return ofCategory(await sources.resources({ experiment, scan }), 'scans', scan)
  }
  // As for scans, but without the owner: rows of other categories are another item's.
  const category = assessor !== undefined ? 'assessors' : 'reconstructions'
  if (assessor !== undefined || reconstruction !== undefined) {
    return (await sources.resources(item)).filter((resource) => resource.category === category)
  }
  return ofCategory(await sources.allResources(experiment), 'resources')
}

/** Who looks for a scan by its name, and does not list them, is on the way to its resources. */
export function askAhead({ item }: ItemPlace, sources: Sources): void {
  sources.allResources(item.experiment!).catch(() => {}) // who asks for them is told
}

export function resourceListing(directory: DirectoryEntry, resources: readonly Resource[]): DirectoryListing {
  const place = placeOf(directory) as ItemPlace
  const children = resources.map((resource): Child => {
    const tree: TreePlace = {
      level: 'resource',
      parts: [resourcePart(place.item, resource)],
      path: [],
      isProtected: place.item.scan !== undefined && isRaw(resource),
      ...(place.isView && { isView: true }),
    }
    return {
      label: resource.label,
      id: resource.id,
      aliases: [resource.label, resource.id],
      entry: (name) =>
        directoryEntry(name, `resource:${resource.id}`, directory.mtimeMs, tree, resourceFacts(resource)),
    }
  })
  return new DirectoryListing(place.level, [children])
}

function resourceFacts({ label, format, content }: Resource): Facts {
  return { label, format, content }
}

/** The raw data of a scan, which nobody means to change with a file manager. */
export function isRaw(resource: Pick<Resource, 'label' | 'content'>): boolean {
  return resource.content === 'RAW' || resource.label === 'DICOM' || resource.label === 'secondary'
}

/** @param name of the item, where resources of several items are shown in one directory */
export function resourcePart(item: ItemAddress, resource: Resource, name = ''): ResourcePart {
  return {
    address: { ...item, resource: resource.id },
    item: name,
    label: resource.label || resource.id,
    fileCount: resource.fileCount,
    isSeries: isRaw(resource) || resource.format === 'DICOM',
  }
}

export async function sidesListing(
  directory: DirectoryEntry,
  place: ItemPlace,
  sources: Sources,
): Promise<DirectoryListing> {
  const names = Object.keys(levels[place.level].fixed)
  const present: Record<string, boolean> = {}
  await Promise.all(
    names.map(async (name) => {
      const { item } = placeOf(fixedEntry(directory, name)) as ItemPlace
      present[name] = (await sources.orNone(unseen, () => resourcesOf(item, sources))).length > 0
    }),
  )
  return new DirectoryListing(place.level, [], shown(directory, present))
}
