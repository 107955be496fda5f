import type { ItemAddress } from '../xnat/address.js'
import type { Experiment } from '../xnat/client.js'
import { cell } from '../xnat/rows.js'
import type { DirectoryEntry, Entry } from './archive.js'
import { directoryEntry } from './entries.js'
import { assessorChild, experimentChild, subjectChild } from './items.js'
import { DirectoryListing, placeOf } from './layout.js'
import type { Child, ItemPlace } from './layout.js'
import { parseQuery, typePattern } from './query.js'
import type { Queried } from './query.js'
import type { Sources } from './sources.js'

/**
 * Directories whose name is a question, such as `experiments/xsiType=xnat:petSessionData&date=2007-01-31..2007-03-30`.
 * The server's own filters answer it.
 */

/** The directory that a question names, without asking it: one that selects nothing is empty. */
export function queryEntry(directory: DirectoryEntry, of: Queried, name: string): Entry | undefined {
  const place = placeOf(directory) as ItemPlace
  const query = parseQuery(of, name)
  if (!query) return undefined
  const level = of === 'subjects' ? 'subject-query' : 'experiment-query'
  const view: ItemPlace = { level, item: place.item, query, isView: true }
  return directoryEntry(name, `query:${name}`, directory.mtimeMs, view)
}

export async function subjectQueryListing(
  _: DirectoryEntry,
  place: ItemPlace,
  sources: Sources,
): Promise<DirectoryListing> {
  const { project } = place.item
  const subjects = await sources.findSubjects(project, place.query!.filters)
  const children = subjects.map((subject) => {
    const parent = { ...place, item: { project: project ?? subject.project } }
    return named(place, subjectChild(parent, subject))
  })
  return new DirectoryListing(place.level, [children])
}

export async function experimentQueryListing(
  _: DirectoryEntry,
  place: ItemPlace,
  sources: Sources,
): Promise<DirectoryListing> {
  const { filters, xsiTypes } = place.query!
  const [first, ...others] = xsiTypes.length > 0 ? xsiTypes : [undefined]
  const found = await findOfType(place.item, filters, first, sources)
  const seen = new Set(found.map(({ id }) => id))
  for (const xsiType of others) {
    for (const experiment of await findOfType(place.item, filters, xsiType, sources)) {
      if (!seen.has(experiment.id)) found.push(experiment)
      seen.add(experiment.id)
    }
  }
  const children = found.map(({ sessionId, ...experiment }) => {
    if (sessionId === undefined) return named(place, experimentChild(place, experiment))
    return named(place, assessorChild({ ...place, item: { experiment: sessionId } }, experiment))
  })
  return new DirectoryListing(place.level, [children])
}

/** In a directory of the whole site items go by their accession IDs, as in the directory that was asked. */
function named(place: ItemPlace, child: Child): Child {
  return place.item.project === undefined ? { ...child, label: child.id } : child
}

interface Found extends Experiment {
  /** Of an image assessor. */
  readonly sessionId: string | undefined
}

async function findOfType(
  scope: ItemAddress,
  filters: Readonly<Record<string, string>>,
  xsiType: string | undefined,
  sources: Sources,
): Promise<Found[]> {
  if (xsiType?.includes('*')) {
    const isOfType = typePattern(xsiType)
    const all = await sources.findExperiments(scope, filters)
    return all.filter((found) => isOfType.test(found.xsiType)).map(withoutSession)
  }
  const typed = xsiType === undefined ? filters : { ...filters, xsiType }
  const found = await sources.findExperiments(scope, typed)
  if (xsiType === undefined || found.every((experiment) => experiment.xsiType.endsWith('SessionData')))
    return found.map(withoutSession)
  const sessions = await sources.sessionsOf(scope, typed)
  const sessionIds = new Map(sessions.map((row) => [row['ID'], cell(row, 'session_ID')]))
  return found.map((experiment) => ({ ...experiment, sessionId: sessionIds.get(experiment.id) }))
}

function withoutSession(experiment: Experiment): Found {
  return { ...experiment, sessionId: undefined }
}
