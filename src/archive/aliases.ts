import type { ItemAddress } from '../xnat/address.js'
import { cell } from '../xnat/rows.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { DirectoryEntry, Entry } from './archive.js'
import { controlAlias } from './control/control-aliases.js'
import { controlDirectory } from './control/control-tree.js'
import { aliasEntry, fixedEntry, linkEntry } from './entries.js'
import { controlName, levels, placeOf } from './layout.js'
import type { DirectoryListing, ItemPlace, Level } from './layout.js'
import { unescapeName } from './names.js'
import { queryEntry } from './queries.js'
import { askedOf, filesQuestion, questionEntry, resourcesQuestion } from './questions.js'
import { resourcePart, resourcesOf } from './resources.js'
import { mergedEntry, mergedFiles, mergedResources, selectionEntry } from './selections.js'
import type { Sources } from './sources.js'
import { isResourceList, scanOfZipFolder } from './wildcard.js'
import { packedName, zipEntry } from './zip-entries.js'

/** What a reserved name stands for: known without asking anybody. */
export function reservedEntry(directory: DirectoryEntry, name: string): Entry | undefined {
  const rule = levels[placeOf(directory).level as Level]
  if (name === controlName) return controlDirectory(directory, name)
  if (rule.selfLinks.includes(name)) return aliasEntry(name, '.')
  return Object.hasOwn(rule.fixed, name) ? fixedEntry(directory, name) : undefined
}

/** Levels whose names are found one by one: nobody wants all experiments of a site listed to open one of them. */
export function isSiteLevel(level: string): level is 'site-experiments' | 'site-subjects' {
  return level === 'site-experiments' || level === 'site-subjects'
}

/** A subject or experiment of the site by its accession ID, or those that a question selects. */
export async function siteEntry(
  directory: DirectoryEntry,
  level: 'site-experiments' | 'site-subjects',
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const query = queryEntry(directory, level === 'site-experiments' ? 'experiments' : 'subjects', name)
  if (query) return query
  if (askedOf(name))
    return questionEntry(directory, name, (other) => siteEntry(directory, level, other, sources))
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
  const control = controlAlias(place.level, name)
  if (control) return control
  const other = await unlistedBy[place.level]?.(directory, listing, name, sources)
  const unlisted = other ?? (await packedEntry(directory, listing, name, sources))
  if (unlisted) return unlisted
  const asked = await questionEntry(directory, name, async (other) => {
    const listed = listing.get(listing.canonicalName(other) ?? other)
    return listed ?? packedEntry(directory, listing, other, sources)
  })
  const { selection } = place as ItemPlace
  if (asked || selection === undefined) return asked
  if (name.startsWith('files?')) return filesQuestion(await mergedFiles(directory, sources), name)
  return name.startsWith('resources?') && selection.of !== 'resources'
    ? resourcesQuestion(directory, name)
    : undefined
}

/** `<RESOURCE>.zip`, beside a directory of files of the same name. */
async function packedEntry(
  directory: DirectoryEntry,
  listing: DirectoryListing,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const packed = hasZips.has(placeOf(directory).level) ? packedName(name) : undefined
  if (packed === undefined) return undefined
  const canonical = listing.canonicalName(packed)
  const entry = listing.get(canonical ?? packed) ?? (await unlistedEntry(directory, listing, packed, sources))
  return entry?.kind === 'directory' ? zipEntry(name, entry, sources) : undefined
}

/** Where directories of files lie. */
const hasZips: ReadonlySet<string> = new Set([
  'scan',
  'side',
  'resources',
  'scan-selection',
  'derived-selection',
  'side-selection',
  'resource-selection',
])

type Unlisted = (
  directory: DirectoryEntry,
  listing: DirectoryListing,
  name: string,
  sources: Sources,
) => Promise<Entry | undefined>

const resourceList: Unlisted = async (directory, _, name, sources) =>
  isResourceList(name) ? selectionEntry(directory, 'resources', name, sources) : undefined

const mergedResource: Unlisted = (directory, _, name, sources) => mergedResources(directory, name, sources)

/** What else resolves, by level. */
const unlistedBy: Partial<Record<string, Unlisted>> = {
  project: async (directory, _, name) => queryEntry(directory, 'subjects', name),
  'project-experiments': async (directory, _, name) => queryEntry(directory, 'experiments', name),
  subject: async (directory, _, name) => queryEntry(directory, 'experiments', name),
  experiment: async (_, __, name) => onDisk(name),
  scans: async (directory, listing, name, sources) => {
    const scans = await sources.scans((placeOf(directory) as ItemPlace).item.experiment!)
    const scan = scanOfZipFolder(scans, unescapeName(name))
    const canonical = scan && (listing.canonicalName(scan.id) ?? scan.id)
    if (canonical !== undefined && listing.get(canonical)) return aliasEntry(name, canonical)
    return selectionEntry(directory, 'scans', name, sources)
  },
  reconstructions: (directory, _, name, sources) =>
    selectionEntry(directory, 'reconstructions', name, sources),
  assessors: (directory, _, name, sources) => selectionEntry(directory, 'assessors', name, sources),
  scan: resourceList,
  side: resourceList,
  resources: async (directory, listing, name, sources) =>
    (await resourceList(directory, listing, name, sources)) ?? outOfAssessor(directory, name, sources),
  reconstruction: async (directory, _, name, sources) =>
    name === 'resources'
      ? aliasEntry(name, 'out')
      : (filesOfOut(name) ?? ofEitherSide(directory, name, sources)),
  assessor: async (_, __, name) => filesOfOut(name),
  'scan-selection': mergedResource,
  'derived-selection': mergedResource,
  'side-selection': mergedResource,
}

/** A session as it lies on the server's disk, which REST has as `DIR` (xnat-wire.md §2.9). */
const diskNames: Readonly<Record<string, string>> = {
  DIR: '.',
  SCANS: 'scans',
  RESOURCES: 'resources',
  ASSESSORS: 'assessors',
  PROCESSED: 'reconstructions',
}

function onDisk(name: string): Entry | undefined {
  return Object.hasOwn(diskNames, name) ? aliasEntry(name, diskNames[name]!) : undefined
}

/** Where a path of XNAT does not say which side of an assessor or a reconstruction, it means `out` (§1.3). */
function filesOfOut(name: string): Entry | undefined {
  return name === 'files' ? aliasEntry(name, 'out/files') : undefined
}

/** The server's disk has those of both sides of a reconstruction in one folder. */
async function ofEitherSide(
  directory: DirectoryEntry,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const { item } = placeOf(directory) as ItemPlace
  for (const side of ['out', 'in'] as const)
    if (await hasResource({ ...item, side }, name, sources)) return aliasEntry(name, `${side}/${name}`)
  return undefined
}

async function hasResource(item: ItemAddress, name: string, sources: Sources): Promise<boolean> {
  const label = unescapeName(name)
  const resources = await resourcesOf(item, sources)
  return resources.some((resource) => resource.label === label || resource.id === label)
}

async function outOfAssessor(
  directory: DirectoryEntry,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const { assessor } = placeOf(directory) as ItemPlace
  if (!assessor) return undefined
  const isThere = await hasResource({ ...assessor, side: 'out' }, name, sources)
  return isThere ? aliasEntry(name, `../out/${name}`) : undefined
}

/** `<parent>/files`: the one resource there is, or the files of all of them. */
async function filesEntry(
  directory: DirectoryEntry,
  place: ItemPlace,
  listing: DirectoryListing,
  sources: Sources,
): Promise<Entry> {
  if (place.selection) return mergedFiles(directory, sources)
  const resources = await resourcesOf(place.item, sources)
  if (resources.length === 1) {
    const { id } = resources[0]!
    const isBelow = Object.hasOwn(levels[place.level].fixed, 'resources')
    return aliasEntry('files', isBelow ? `resources/${id}` : (listing.canonicalName(id) ?? id))
  }
  const parts = resources.map((resource) => resourcePart(place.item, resource))
  return mergedEntry(directory, 'files', parts)
}

/** The project and subject an experiment or subject belongs to, by the fields of its own document. */
export async function ownersOf(item: ItemAddress, sources: Sources): Promise<ItemAddress> {
  if (item.project !== undefined) return item
  const fields = await sources.item(item)
  const project = cell(fields, 'project')
  const subject = item.subject ?? cell(fields, 'subject_ID')
  return { ...item, ...(project !== undefined && { project }), ...(subject !== undefined && { subject }) }
}
