import { prearchivedDocument } from '../../xnat/documents.js'
import { prearchivedPath, scanPath, unassigned } from '../../xnat/prearchive-client.js'
import type {
  PrearchivedAddress,
  PrearchivedResourceAddress,
  PrearchivedSession,
} from '../../xnat/prearchive-client.js'
import type { DirectoryEntry, Entry, Facts } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { placeOf } from '../layout.js'
import type { Child } from '../layout.js'
import { nameSiblings, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import { controlDirectoryEntry, textEntry, unreadEntry } from './control-entries.js'
import type { ControlPlace, Prearchived, PrearchiveKind } from './control-place.js'
import type { ControlRule } from './control-rule.js'
import { prearchivedEntries } from './prearchived-files.js'

/**
 * What waits to be archived, as REST's paths have it. Every name is found in a list: servers take the question for a
 * session that they do not know for a fault of their own (xnat-wire.md §2.2).
 */
export const prearchiveRules: Readonly<Record<PrearchiveKind, ControlRule>> = {
  prearchive: {
    ...listed(async (directory, _, sources) => {
      const sessions = await sources.prearchived()
      return projectEntries(directory, [...new Set(sessions.map(({ project }) => project))], sessions)
    }, 'projects'),
  },
  'prearchive-project': listed(async (directory, place, sources) => {
    const sessions = await sessionsOf(place, sources)
    const times = [...new Set(sessions.map(({ timestamp }) => timestamp))]
    return named(
      times.map((timestamp) =>
        child(directory, timestamp, 'prearchive-time', { timestamp }, newest(sessions, { timestamp })),
      ),
    )
  }),
  'prearchive-time': listed(async (directory, place, sources) => {
    const { timestamp } = place.prearchived!
    const sessions = (await sessionsOf(place, sources)).filter((session) => session.timestamp === timestamp)
    return named(
      sessions.map((session) => {
        const { name, modifiedMs, details } = session
        return child(directory, name, 'prearchive-session', { name }, modifiedMs, {
          ...details,
          ...uri(() => prearchivedPath(session)),
        })
      }),
    )
  }),
  'prearchive-session': {
    list: (directory, place) => {
      const document = prearchivedDocument(place.prearchived as PrearchivedAddress)
      return Promise.resolve([scansEntry(directory), unreadEntry(directory, sessionFile, document)])
    },
    find: async (directory, place, name, sources) => {
      if (name === 'scans') return scansEntry(directory)
      if (name !== sessionFile) return undefined
      const document = prearchivedDocument(place.prearchived as PrearchivedAddress)
      return textEntry(directory, name, document, await sources.text(document))
    },
  },
  'prearchive-scans': listed(async (directory, place, sources) => {
    const session = place.prearchived as PrearchivedAddress
    // None yet: the session is just coming in.
    const scans = await sources.orNone(['not-found'], () => sources.prearchivedScans(session))
    return named(
      scans.map(({ id, details }) =>
        child(directory, id, 'prearchive-scan', { scan: id }, undefined, {
          id,
          ...details,
          ...uri(() => scanPath(session, id)),
        }),
      ),
    )
  }),
  'prearchive-scan': listed(async (directory, place, sources) => {
    const { scan, ...session } = place.prearchived as PrearchivedResourceAddress
    const resources = (await sources.prearchivedResources(session)).filter((other) => other.scan === scan)
    const labels = [...new Set(resources.map(({ label }) => label))]
    return named(
      labels.map((label) =>
        child(directory, label, 'prearchive-folder', { resource: label, folders: [] }, undefined, { label }),
      ),
      'resources',
    )
  }, 'resources'),
  'prearchive-folder': {
    list: async (directory, place, sources) => [
      ...(await prearchivedEntries(directory, place, sources)).values(),
    ],
    find: async (directory, place, name, sources) => {
      const found = (await prearchivedEntries(directory, place, sources)).get(name)
      const isTop = place.prearchived!.folders!.length === 0
      return found ?? (isTop && name === 'files' ? aliasEntry(name, '.') : undefined)
    },
  },
}

const sessionFile = 'session.xml'

/** @param selfLink what REST has in its path before the names of these */
function listed(list: NonNullable<ControlRule['list']>, selfLink?: string): ControlRule {
  return {
    list,
    find: async (directory, place, name, sources) =>
      name === selfLink
        ? aliasEntry(name, '.')
        : ((await list(directory, place, sources)).find((entry) => entry.name === name) ??
          (place.kind === 'prearchive' ? emptyProject(directory, name, sources) : undefined)),
  }
}

/** A project of which nothing waits. */
async function emptyProject(
  directory: DirectoryEntry,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const wanted = unescapeName(name)
  if ((await sources.projects()).every(({ id }) => id !== wanted)) return undefined
  return projectEntries(directory, [wanted], []).find((entry) => entry.name === name)
}

function projectEntries(
  directory: DirectoryEntry,
  projects: readonly string[],
  sessions: readonly PrearchivedSession[],
): Entry[] {
  return named(
    projects.map((project) =>
      child(directory, project, 'prearchive-project', { project }, newest(sessions, { project })),
    ),
    'projects',
  )
}

/** Those of no project are in the list of the site alone. */
async function sessionsOf({ prearchived }: ControlPlace, sources: Sources): Promise<PrearchivedSession[]> {
  const project = prearchived!.project!
  const sessions = await sources.prearchived(project === unassigned ? undefined : project)
  return sessions.filter((session) => session.project === project)
}

function scansEntry(directory: DirectoryEntry): Entry {
  return child(directory, 'scans', 'prearchive-scans', {}, undefined).entry('scans')
}

/** @param named what it adds to the names of the directory that it lies in */
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

function named(children: readonly Child[], ...reserved: readonly string[]): Entry[] {
  return nameSiblings(children, new Set(reserved)).map((name, i) => children[i]!.entry(name))
}

function newest(
  sessions: readonly PrearchivedSession[],
  of: Partial<PrearchivedAddress>,
): number | undefined {
  const times = sessions
    .filter(
      ({ project, timestamp }) =>
        (of.project ?? project) === project && (of.timestamp ?? timestamp) === timestamp,
    )
    .map(({ modifiedMs }) => modifiedMs ?? 0)
  return times.length === 0 ? undefined : Math.max(...times)
}

/** Some names no URL can carry. */
function uri(path: () => string): Facts {
  try {
    return { uri: path() }
  } catch {
    return {}
  }
}
