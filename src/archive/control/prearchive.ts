import { FsError } from '../../util/fs-error.js'
import {
  prearchivedDocument,
  prearchivedLogDocument,
  prearchivedResourcesDocument,
} from '../../xnat/documents.js'
import { packedPath } from '../../xnat/packed-paths.js'
import {
  prearchivedPath,
  prearchivedResourcePath,
  scanPath,
  unassigned,
} from '../../xnat/prearchive-client.js'
import type {
  PrearchivedAddress,
  PrearchivedResource,
  PrearchivedResourceAddress,
  PrearchivedSession,
} from '../../xnat/prearchive-client.js'
import type { DirectoryEntry, Entry, Facts } from '../archive.js'
import { aliasEntry, directoryKey } from '../entries.js'
import { placeOf } from '../layout.js'
import type { Child } from '../layout.js'
import { nameSiblings, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import { packed, packedName } from '../zip-entries.js'
import { controlDirectoryEntry, textEntry, unreadEntry } from './control-entries.js'
import type { ControlPlace, Prearchived, PrearchiveKind } from './control-place.js'
import type { Documents } from './item-documents.js'
import type { ControlRule } from './control-rule.js'
import { prearchivedEntries } from './prearchived-files.js'

/**
 * What waits to be archived, as REST's paths have it. Every name is found in a list: servers take the question for a
 * session that they do not know for a fault of their own (xnat-wire.md §2.2).
 */
export const prearchiveRules: Readonly<Record<PrearchiveKind, ControlRule>> = {
  prearchive: listed({
    rows: (_, sources) => sources.prearchived(),
    children: (directory, _, sessions) =>
      [...newest(sessions, ({ project }) => project)].map(([project, modifiedMs]) =>
        child(directory, project, 'prearchive-project', { project }, modifiedMs),
      ),
    selfLink: 'projects',
    unlisted: emptyProject,
  }),
  'prearchive-project': listed({
    rows: sessionsOf,
    children: (directory, { prearchived }, sessions) => {
      const own = sessions.filter(({ project }) => project === prearchived!.project)
      return [...newest(own, ({ timestamp }) => timestamp)].map(([timestamp, modifiedMs]) =>
        child(directory, timestamp, 'prearchive-time', { timestamp }, modifiedMs),
      )
    },
  }),
  'prearchive-time': listed({
    rows: sessionsOf,
    children: (directory, { prearchived }, sessions) =>
      sessions
        .filter(
          ({ project, timestamp }) =>
            project === prearchived!.project && timestamp === prearchived!.timestamp,
        )
        .map((session) => {
          const { name, modifiedMs, details } = session
          const facts = { ...details, ...uri(() => prearchivedPath(session)) }
          return child(directory, name, 'prearchive-session', { name }, modifiedMs, facts)
        }),
  }),
  'prearchive-session': {
    list: (directory, place) => {
      const documents = Object.entries(sessionDocuments(place.prearchived as PrearchivedAddress))
      const files = documents.map(([name, document]) => unreadEntry(directory, name, document))
      return Promise.resolve([...foldersOf(directory), ...files])
    },
    find: async (directory, place, name, sources) => {
      const folder = foldersOf(directory).find((entry) => entry.name === name)
      if (folder) return folder
      if (name === 'logs') return aliasEntry(name, 'logs?')
      const documents = sessionDocuments(place.prearchived as PrearchivedAddress)
      const document = Object.hasOwn(documents, name) ? documents[name] : undefined
      return document && textEntry(directory, name, document, await sources.text(document))
    },
  },
  'prearchive-scans': listed({
    // None yet where there is no list: the session is just coming in.
    rows: ({ prearchived }, sources) =>
      sources.orNone(['not-found'], () => sources.prearchivedScans(prearchived as PrearchivedAddress)),
    children: (directory, { prearchived }, scans) =>
      scans.map(({ id, details }) => {
        const facts = { id, ...details, ...uri(() => scanPath(prearchived as PrearchivedAddress, id)) }
        return child(directory, id, 'prearchive-scan', { scan: id }, undefined, facts)
      }),
    packedAt: ({ prearchived }) => scanPath(prearchived as PrearchivedAddress, prearchived!.scan!),
  }),
  'prearchive-scan': listed({
    rows: ({ prearchived }, sources) => sources.prearchivedResources(prearchived as PrearchivedAddress),
    children: foldersOfScan,
    selfLink: 'resources',
  }),
  'prearchive-resources': listed({
    rows: ({ prearchived }, sources) =>
      sources.orNone(['not-found'], () => sources.prearchivedResources(prearchived as PrearchivedAddress)),
    children: foldersOfScan,
    packedAt: ({ prearchived }) => prearchivedResourcePath(prearchived as PrearchivedResourceAddress),
  }),
  'prearchive-folder': {
    list: async (directory, place, sources) => {
      const entries = await prearchivedEntries(directory, place, sources)
      if (!entries) throw new FsError('ENOENT', `list ${directory.name}: it is no longer there`)
      return [...entries.values()]
    },
    find: async (directory, place, name, sources) => {
      const found = (await prearchivedEntries(directory, place, sources))?.get(name)
      const isTop = place.prearchived!.folders!.length === 0
      return found ?? (isTop && name === 'files' ? aliasEntry(name, '.') : undefined)
    },
  },
}

/** The resources of a scan, or those of the session itself. */
function foldersOfScan(
  directory: DirectoryEntry,
  { prearchived }: ControlPlace,
  resources: readonly PrearchivedResource[],
): Child[] {
  const own = resources.filter(({ scan }) => scan === prearchived!.scan)
  return [...new Set(own.map(({ label }) => label))].map((label) =>
    child(directory, label, 'prearchive-folder', { resource: label, folders: [] }, undefined, { label }),
  )
}

export function sessionDocuments(session: PrearchivedAddress): Documents {
  return {
    'session.xml': prearchivedDocument(session),
    'logs.csv': prearchivedLogDocument(session),
    'resources.csv': prearchivedResourcesDocument(session),
  }
}

interface ListRule<T> {
  readonly rows: (place: ControlPlace, sources: Sources) => Promise<readonly T[]>
  readonly children: (directory: DirectoryEntry, place: ControlPlace, rows: readonly T[]) => Child[]
  /** What REST has in its path before the names of these. */
  readonly selfLink?: string
  /** The path of one of these, where the server packs it. */
  readonly packedAt?: (place: ControlPlace) => string
  readonly unlisted?: NonNullable<ControlRule['find']>
}

type Entries = ReadonlyMap<string, Entry>

/** What was made of a list, by directory: there are as many look-ups as names. */
const made = new WeakMap<object, Map<string, Entries>>()

function listed<T>({ rows, children, selfLink, packedAt, unlisted }: ListRule<T>): ControlRule {
  const entriesIn = async (
    directory: DirectoryEntry,
    place: ControlPlace,
    sources: Sources,
  ): Promise<Entries> => {
    const list = await rows(place, sources)
    const known = made.get(list) ?? new Map<string, Entries>()
    made.set(list, known)
    const key = directoryKey(directory)
    let entries = known.get(key)
    if (!entries) known.set(key, (entries = named(children(directory, place, list), selfLink)))
    return entries
  }
  return {
    list: async (directory, place, sources) => [...(await entriesIn(directory, place, sources)).values()],
    find: async (parent, place, name, sources) => {
      if (name === selfLink) return aliasEntry(name, '.')
      const entries = await entriesIn(parent, place, sources)
      const directory = packedAt && entries.get(packedName(name) ?? '')
      const found = entries.get(name) ?? (directory && (await zipOf(directory, name)))
      return found ?? unlisted?.(parent, place, name, sources)

      async function zipOf(entry: Entry, zip: string): Promise<Entry | undefined> {
        const path = packedAt!(placeOf(entry) as ControlPlace)
        const session = await sessionOf(place, sources)
        // Nothing tells of its files before it comes: it is as old as the last change of the session.
        const url = packedPath(path)
        return packed(zip, { url, versions: [url, session], mtimeMs: session?.modifiedMs ?? 0 }, sources)
      }
    },
  }
}

/** A project of which nothing waits. */
async function emptyProject(
  directory: DirectoryEntry,
  _: ControlPlace,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const project = unescapeName(name)
  if ((await sources.projects()).every(({ id }) => id !== project)) return undefined
  return child(directory, project, 'prearchive-project', { project }, undefined).entry(name)
}

/** The list that has the sessions of a project: those of no project are in that of the site alone. */
function sessionsOf({ prearchived }: ControlPlace, sources: Sources): Promise<PrearchivedSession[]> {
  const project = prearchived!.project!
  return sources.prearchived(project === unassigned ? undefined : project)
}

function foldersOf(directory: DirectoryEntry): Entry[] {
  return (['scans', 'resources'] as const).map((name) =>
    child(directory, name, `prearchive-${name}`, {}, undefined).entry(name),
  )
}

async function sessionOf(place: ControlPlace, sources: Sources): Promise<PrearchivedSession | undefined> {
  const { project, timestamp, name } = place.prearchived!
  return (await sessionsOf(place, sources)).find(
    (other) => other.project === project && other.timestamp === timestamp && other.name === name,
  )
}

/** @param more what it adds to what its directory names */
function child(
  directory: DirectoryEntry,
  label: string,
  kind: PrearchiveKind,
  more: Prearchived,
  modifiedMs: number | undefined,
  facts?: Facts,
): Child {
  const parent = placeOf(directory) as ControlPlace
  const place = { ...parent, kind, prearchived: { ...parent.prearchived, ...more } }
  return {
    label,
    id: label,
    entry: (name) => ({
      ...controlDirectoryEntry(directory, name, place, facts),
      mtimeMs: modifiedMs ?? directory.mtimeMs,
    }),
  }
}

function named(children: readonly Child[], reserved: string | undefined): Entries {
  const names = nameSiblings(children, new Set(reserved === undefined ? [] : [reserved]))
  return new Map(names.map((name, i) => [name, children[i]!.entry(name)]))
}

/** The time of the last change of the sessions of each name. */
function newest(
  sessions: readonly PrearchivedSession[],
  nameOf: (session: PrearchivedSession) => string,
): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const session of sessions) {
    const name = nameOf(session)
    times.set(name, Math.max(times.get(name) ?? 0, session.modifiedMs ?? 0))
  }
  return times
}

/** Some names no URL can carry. */
function uri(path: () => string): Facts {
  try {
    return { uri: path() }
  } catch {
    return {}
  }
}
