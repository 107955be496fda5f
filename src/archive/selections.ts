import type { ItemAddress } from '../xnat/address.js'
import type { Resource } from '../xnat/client.js'
import type { Selection } from '../xnat/packed-paths.js'
import type { DirectoryEntry, Entry } from './archive.js'
import { directoryEntry } from './entries.js'
import { assessorChild, reconstructionChild, scanChild } from './items.js'
import { DirectoryListing, placeOf } from './layout.js'
import type { Child, ItemPlace, ResourcePart, Selected, TreePlace } from './layout.js'
import { unescapeName } from './names.js'
import { resourceListing, resourcePart, resourcesOf } from './resources.js'
import type { Sources } from './sources.js'
import { isResourceList, selectAssessors, selectItems, selectResources } from './wildcard.js'

/** Views of several items: what `scans/T1`, `assessors/ALL/out`, `scans/1/DICOM,SNAPSHOTS` show, and their files. */

const selectionLevels = {
  scans: 'scan-selection',
  reconstructions: 'derived-selection',
  assessors: 'derived-selection',
  resources: 'resource-selection',
} as const

/** The view of this name in a directory of items or resources, or undefined when it selects nothing. */
export async function selectionEntry(
  directory: DirectoryEntry,
  of: Selected,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const place = placeOf(directory) as ItemPlace
  const level = selectionLevels[of]
  const view: ItemPlace = { ...place, level, selection: { of, names: name }, isView: true }
  const entry = directoryEntry(name, `selection:${name}`, directory.mtimeMs, view)
  return (await selectionListing(entry, view, sources)) && entry
}

export async function selectionListing(
  directory: DirectoryEntry,
  place: ItemPlace,
  sources: Sources,
): Promise<DirectoryListing | undefined> {
  if (place.selection!.of === 'resources') {
    const resources = selectResources(await resourcesOf(place.item, sources), place.selection!.names)
    return resources.length > 0 ? resourceListing(directory, resources) : undefined
  }
  const children = await selectedChildren(place, directory.mtimeMs, sources)
  return children && new DirectoryListing(place.level, [children])
}

/** `scans/T1/DICOM`, `scans/ALL/DICOM,SNAPSHOTS`: the files of these resources of every item selected. */
export async function mergedResources(
  directory: DirectoryEntry,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const label = unescapeName(name)
  const isNamed = (resource: Resource): boolean => resource.label === label || resource.id === label
  const parts = await partsOfSelection(
    directory,
    (resources) => (isResourceList(name) ? selectResources(resources, name) : resources.filter(isNamed)),
    sources,
  )
  return parts.length > 0 ? mergedEntry(directory, name, parts, selectionOf(directory, label)) : undefined
}

/** The files of all the resources of every item selected. */
export async function mergedFiles(directory: DirectoryEntry, sources: Sources): Promise<DirectoryEntry> {
  const parts = await partsOfSelection(directory, (resources) => resources, sources)
  return mergedEntry(directory, 'files', parts, selectionOf(directory))
}

export function mergedEntry(
  directory: DirectoryEntry,
  name: string,
  parts: readonly ResourcePart[],
  selected?: Selection,
): DirectoryEntry {
  const tree: TreePlace = { level: 'merged', parts, path: [], isProtected: false, isView: true }
  const place = selected ? { ...tree, selected } : tree
  return directoryEntry(name, `merged:${name}`, directory.mtimeMs, place)
}

/** As the path of the view, and of the resources in it, is spelled in REST. */
export function selectionOf(view: DirectoryEntry, resources?: string): Selection {
  const { item, selection } = placeOf(view) as ItemPlace
  const { of, names } = selection!
  const spelled = unescapeName(names)
  if (of === 'resources') return { owner: item, resources: spelled }
  const { side, ...owner } = item
  return {
    owner,
    items: { of, names: spelled },
    ...(side !== undefined && { side }),
    ...(resources !== undefined && { resources }),
  }
}

async function selectedChildren(
  place: ItemPlace,
  mtimeMs: number,
  sources: Sources,
): Promise<Child[] | undefined> {
  const { of, names } = place.selection!
  const experiment = place.item.experiment!
  if (of === 'scans') {
    return selectItems(await sources.scans(experiment), names)?.map((scan) => scanChild(place, scan))
  }
  if (of === 'reconstructions') {
    const selected = selectItems(await sources.reconstructions(experiment), names)
    return selected?.map((reconstruction) => reconstructionChild(place, reconstruction, mtimeMs))
  }
  const assessors = await sources.assessors(experiment)
  const idsOfType = async (xsiType: string): Promise<string[]> =>
    (await sources.assessorsOfType(experiment, xsiType)).map(({ id }) => id)
  return (await selectAssessors(assessors, names, idsOfType))?.map((assessor) =>
    assessorChild(place, assessor),
  )
}

async function partsOfSelection(
  directory: DirectoryEntry,
  choose: (resources: readonly Resource[]) => readonly Resource[],
  sources: Sources,
): Promise<ResourcePart[]> {
  const place = placeOf(directory) as ItemPlace
  if (place.selection!.of === 'resources') {
    const resources = selectResources(await resourcesOf(place.item, sources), place.selection!.names)
    return choose(resources).map((resource) => resourcePart(place.item, resource))
  }
  const children = (await selectedChildren(place, directory.mtimeMs, sources)) ?? []
  const parts = children.map(async (child) => {
    const item = withSide((placeOf(child.entry(child.label)) as ItemPlace).item)
    const resources = choose(await resourcesOf(item, sources))
    return resources.map((resource) => resourcePart(item, resource, child.label || child.id))
  })
  return (await Promise.all(parts)).flat()
}

/** Where a path of XNAT does not say which side of an assessor or a reconstruction, it means `out` (§1.3). */
function withSide(item: ItemAddress): ItemAddress {
  const isDerived = item.assessor !== undefined || item.reconstruction !== undefined
  return isDerived && item.side === undefined ? { ...item, side: 'out' } : item
}
