import { FsError } from '../util/fs-error.js'
import type { ItemAddress, ResourceAddress } from '../xnat/address.js'
import type { Selection } from '../xnat/packed-paths.js'
import type { Entry, FileEntry, Listing, Place } from './archive.js'
import type {
  CachedFilePlace,
  ControlFilePlace,
  ControlPlace,
  PrearchivedFilePlace,
} from './control/control-place.js'
import { nameSiblings } from './names.js'
import type { Query } from './query.js'
import type { ZipPlace } from './zip-entries.js'

/**
 * The mounted tree, as one table of levels (docs/semantics.md, "The tree"). Canonical names are listed; every other
 * spelling of a path resolves and is never listed.
 */
export type Level =
  | 'root'
  | 'project'
  | 'subject'
  | 'experiment'
  | 'scans'
  | 'scan'
  | 'reconstructions'
  | 'reconstruction'
  | 'assessors'
  | 'assessor'
  | 'side'
  | 'resources'
  | 'resource'
  | 'folder'
  | 'site-experiments'
  | 'site-subjects'
  | 'project-experiments'
  | 'scan-selection'
  | 'derived-selection'
  | 'side-selection'
  | 'resource-selection'
  | 'subject-query'
  | 'experiment-query'
  | 'merged'
  | 'merged-folder'
  | 'control'

/** What mkdir makes in a directory of a level. */
type Made = 'resource' | 'folder' | 'entity' | 'nothing'

interface LevelRule {
  /** Names that resolve to the directory itself, as a link to '.'. */
  readonly selfLinks: readonly string[]
  /** Directories that always resolve; some are listed where there is something in them. */
  readonly fixed: Readonly<Record<string, Level>>
  /** `files` stands for the files of all the resources here. */
  readonly hasFiles: boolean
  readonly makes: Made
}

const view = { makes: 'nothing' } as const
const bare = { selfLinks: [], fixed: {}, hasFiles: false } as const
/** Where resources lie directly: REST puts `resources/` before and `files/` after a resource's name. */
const resourceParent = { selfLinks: ['resources'], fixed: {}, hasFiles: true, makes: 'resource' } as const

export const levels: Readonly<Record<Level, LevelRule>> = {
  root: {
    selfLinks: ['projects', 'data', 'archive', 'REST'],
    fixed: { experiments: 'site-experiments', subjects: 'site-subjects' },
    hasFiles: false,
    makes: 'entity',
  },
  project: {
    selfLinks: ['subjects'],
    fixed: { experiments: 'project-experiments', resources: 'resources' },
    hasFiles: true,
    makes: 'entity',
  },
  subject: { selfLinks: ['experiments'], fixed: { resources: 'resources' }, hasFiles: true, makes: 'entity' },
  experiment: {
    selfLinks: [],
    fixed: {
      scans: 'scans',
      assessors: 'assessors',
      reconstructions: 'reconstructions',
      resources: 'resources',
    },
    hasFiles: true,
    makes: 'nothing',
  },
  scans: { ...bare, makes: 'entity' },
  scan: resourceParent,
  reconstructions: { ...bare, makes: 'entity' },
  reconstruction: { ...bare, fixed: { in: 'side', out: 'side' }, makes: 'nothing' },
  assessors: { ...bare, makes: 'entity' },
  assessor: {
    selfLinks: [],
    fixed: { in: 'side', out: 'side', resources: 'resources' },
    hasFiles: false,
    makes: 'nothing',
  },
  side: resourceParent,
  resources: { selfLinks: [], fixed: {}, hasFiles: false, makes: 'resource' },
  resource: { ...bare, selfLinks: ['files'], makes: 'folder' },
  folder: { ...bare, makes: 'folder' },
  'site-experiments': { ...bare, ...view },
  'site-subjects': { ...bare, ...view },
  'project-experiments': { ...bare, ...view },
  'scan-selection': { ...bare, ...view, selfLinks: ['resources'], hasFiles: true },
  'derived-selection': {
    selfLinks: ['resources'],
    fixed: { in: 'side-selection', out: 'side-selection' },
    hasFiles: true,
    ...view,
  },
  'side-selection': { ...bare, ...view, selfLinks: ['resources'], hasFiles: true },
  'resource-selection': { ...bare, ...view, hasFiles: true },
  'subject-query': { ...bare, ...view },
  'experiment-query': { ...bare, ...view },
  merged: { ...bare, ...view, selfLinks: ['files'] },
  'merged-folder': { ...bare, ...view },
  control: { ...bare, ...view },
}

/** Taken at every level above files for what XNAT knows of it beside files. */
export const controlName = '.xnat'
/** Reserved before it means something, so that no label moves when it does. */
const reservedAtRoot = ['prearchive']

/** The names that no label may take in a directory of this level. */
export const reservedNames: Readonly<Record<Level, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries(levels).map(([level, rule]) => {
    const hasNone = level === 'folder' || level === 'merged-folder' || level === 'control'
    const names = [...rule.selfLinks, ...Object.keys(rule.fixed), ...(rule.hasFiles ? ['files'] : [])]
    if (!hasNone) names.push(controlName)
    if (level === 'root') names.push(...reservedAtRoot)
    return [level, new Set(names)]
  }),
) as Record<Level, Set<string>>

/** What a wildcard can select. */
export type Selected = 'scans' | 'reconstructions' | 'assessors' | 'resources'

/** One resource as a part of the directory that shows its files. */
export interface ResourcePart {
  readonly address: ResourceAddress
  /** Names the item it belongs to where those of several are shown as one; '' where there is but one. */
  readonly item: string
  /** Its label, or its number where it has none. */
  readonly label: string
  /** The number of files the server's database believes in; its catalog may know better. */
  readonly fileCount: number | undefined
  readonly isSeries: boolean
}

/** A directory of the levels above resources. */
export interface ItemPlace extends Place {
  readonly level: Exclude<Level, TreeLevel | 'control'>
  readonly item: ItemAddress
  readonly xsiType?: string
  /** What a view of several items shows: the name that it was asked for by. */
  readonly selection?: { readonly of: Selected; readonly names: string }
  /** The question that a directory answers. */
  readonly query?: Query
  /** The assessor whose own resources these are. */
  readonly assessor?: ItemAddress
  /** Reached through a view: shown, not to be changed here. */
  readonly isView?: boolean
}

type TreeLevel = 'resource' | 'folder' | 'merged' | 'merged-folder'

/** A directory of files: a resource or a folder in it, or several resources merged. */
export interface TreePlace extends Place {
  readonly level: TreeLevel
  readonly parts: readonly ResourcePart[]
  /** Folder names from the resource's top, as the server means them. */
  readonly path: readonly string[]
  /** Raw scan data, which is changed with --allow-raw-writes only. */
  readonly isProtected: boolean
  readonly isView?: boolean
  /** By which REST's own path the resources of a view were found. */
  readonly selected?: Selection
}

export interface FilePlace extends Place {
  readonly level: 'file'
  /** What its catalog calls it. */
  readonly format: string | undefined
  readonly content: string | undefined
  readonly address: ResourceAddress
  readonly storedPath: string
  /** As its catalog has it. */
  readonly listedVersion: string
  /** Every URL that could mean this file means another one. */
  readonly isShadowed: boolean
  readonly isProtected: boolean
  readonly isView?: boolean
}

export interface LinkPlace extends Place {
  readonly level: 'link'
  /** The project, subject or experiment the link leads to. */
  readonly item: ItemAddress
}

export type ArchivePlace =
  | ItemPlace
  | TreePlace
  | FilePlace
  | LinkPlace
  | ZipPlace
  | ControlPlace
  | ControlFilePlace
  | PrearchivedFilePlace
  | CachedFilePlace

/** Every entry was made by this archive, so its place is one of these. */
export function placeOf(entry: Entry): ArchivePlace {
  return entry.place as ArchivePlace
}

/** Of a file that lies in a resource, the only ones that are changed. */
export function filePlaceOf(file: FileEntry): FilePlace {
  const place = placeOf(file)
  if (place.level === 'file') return place
  throw new FsError('ENOTSUP', `${file.name} is no file of a resource`, {
    nextStep: 'take one in a resource',
  })
}

export function isTree(place: ArchivePlace): place is TreePlace {
  return 'parts' in place
}

/** A listed item with the names it goes by. */
export interface Child {
  /** '' where the server has none. */
  readonly label: string
  /** Tells siblings of one label apart. */
  readonly id: string
  /** Other names under which the child resolves, as a link to the listed one. */
  readonly aliases?: readonly string[]
  entry(name: string): Entry
}

export class DirectoryListing implements Listing {
  readonly entries: readonly Entry[]
  readonly #byName = new Map<string, Entry>()
  readonly #aliases = new Map<string, string>()

  /** @param groups each is named after the one before it, and gives way to its names */
  constructor(level: Level, groups: readonly (readonly Child[])[], fixed: readonly Entry[] = []) {
    const taken = new Set(reservedNames[level])
    for (const entry of fixed) this.#byName.set(entry.name, entry)
    for (const children of groups) {
      nameSiblings(children, taken).forEach((name, index) => this.#add(children[index]!, name, taken))
    }
    this.entries = [...this.#byName.values()]
  }

  get(name: string): Entry | undefined {
    return this.#byName.get(name)
  }

  /** The listed name of the child that goes by this other name too. */
  canonicalName(alias: string): string | undefined {
    return this.#aliases.get(alias)
  }

  #add(child: Child, name: string, taken: Set<string>): void {
    taken.add(name)
    this.#byName.set(name, child.entry(name))
    for (const alias of child.aliases ?? []) {
      // Two siblings may share a label; the one that is shown under it comes first.
      if (alias !== name && !this.#aliases.has(alias)) this.#aliases.set(alias, name)
    }
  }
}
