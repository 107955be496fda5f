import type { ItemAddress } from '../xnat/address.js'
import type { Labelled } from '../xnat/client.js'
import type { DirectoryEntry, SymlinkEntry } from './archive.js'
import { buildTree, folderAt, treeListing } from './catalog.js'
import { listControl } from './control/control-tree.js'
import type { Corrections } from './corrections.js'
import { linkEntry, shown } from './entries.js'
import {
  assessorChild,
  experimentChild,
  itemChild,
  reconstructionChild,
  scanChild,
  subjectChild,
} from './items.js'
import { DirectoryListing, isTree, placeOf } from './layout.js'
import type { Child, ItemPlace, TreePlace } from './layout.js'
import { experimentQueryListing, subjectQueryListing } from './queries.js'
import { ofCategory, resourceListing, resourcesOf, sidesListing, unseen } from './resources.js'
import { selectionListing } from './selections.js'
import type { Sources } from './sources.js'

/**
 * What a directory lists: for each level the REST listings it is made of. Undefined when the directory is no longer
 * there.
 */
export async function listDirectory(
  directory: DirectoryEntry,
  sources: Sources,
  corrections: Corrections,
): Promise<DirectoryListing | undefined> {
  const place = placeOf(directory)
  if (isTree(place)) return listTree(directory, place, sources, corrections)
  if (place.level === 'control') return listControl(directory, place, sources)
  const { level } = place
  if (level === 'link' || level === 'file' || level === 'zip') return undefined
  if (level === 'control-file' || level === 'prearchived-file' || level === 'cached-file') return undefined
  return builders[place.level](directory, place, sources)
}

type Builder = (
  directory: DirectoryEntry,
  place: ItemPlace,
  sources: Sources,
) => Promise<DirectoryListing | undefined>

const builders: Record<ItemPlace['level'], Builder> = {
  root: async (_, __, sources) => {
    const projects = await sources.projects()
    return new DirectoryListing('root', [
      projects.map(({ id }) =>
        itemChild(id, { id, label: id }, 0, { level: 'project', item: { project: id } }),
      ),
    ])
  },

  project: async (directory, place, sources) => {
    const project = place.item.project!
    const [subjects, resources] = await Promise.all([
      sources.subjects(project),
      sources.resources(place.item),
    ])
    const children = subjects.map((subject) => subjectChild(place, subject))
    return new DirectoryListing('project', [children], shown(directory, { resources: resources.length > 0 }))
  },

  subject: async (directory, place, sources) => {
    const { project, subject } = place.item
    const [experiments, resources] = await Promise.all([
      sources.experiments(project!, subject!),
      sources.orNone(unseen, () => sources.resources({ subject: subject! })),
    ])
    const children = experiments.map((experiment) => experimentChild(place, experiment))
    return new DirectoryListing('subject', [children], shown(directory, { resources: resources.length > 0 }))
  },

  experiment: async (directory, place, sources) => {
    const experiment = place.item.experiment!
    const ask = askerOf(place.xsiType, sources)
    const [scans, assessors, reconstructions, all] = await Promise.all([
      ask(() => sources.scans(experiment)),
      ask(() => sources.assessors(experiment)),
      ask(() => sources.reconstructions(experiment)),
      sources.allResources(experiment),
    ])
    const present = {
      scans: scans.length > 0,
      assessors: assessors.length > 0,
      reconstructions: reconstructions.length > 0,
      resources: ofCategory(all, 'resources').length > 0,
    }
    return new DirectoryListing('experiment', [], shown(directory, present))
  },

  scans: async (_, place, sources) => {
    const scans = await askerOf(place.xsiType, sources)(() => sources.scans(place.item.experiment!))
    return new DirectoryListing('scans', [scans.map((scan) => scanChild(place, scan))])
  },

  'scan-selection': selectionListing,
  'derived-selection': selectionListing,
  'side-selection': selectionListing,
  'resource-selection': selectionListing,
  'subject-query': subjectQueryListing,
  'experiment-query': experimentQueryListing,

  scan: async (directory, place, sources) =>
    resourceListing(directory, await resourcesOf(place.item, sources)),
  side: async (directory, place, sources) =>
    resourceListing(directory, await resourcesOf(place.item, sources)),
  resources: async (directory, place, sources) =>
    resourceListing(directory, await resourcesOf(place.item, sources)),

  reconstructions: async (directory, place, sources) => {
    const ask = askerOf(place.xsiType, sources)
    const reconstructions = await ask(() => sources.reconstructions(place.item.experiment!))
    const children = reconstructions.map((reconstruction) =>
      reconstructionChild(place, reconstruction, directory.mtimeMs),
    )
    return new DirectoryListing('reconstructions', [children])
  },

  reconstruction: (directory, place, sources) => sidesListing(directory, place, sources),

  assessors: async (_, place, sources) => {
    const ask = askerOf(place.xsiType, sources)
    const assessors = await ask(() => sources.assessors(place.item.experiment!))
    return new DirectoryListing('assessors', [assessors.map((assessor) => assessorChild(place, assessor))])
  },

  assessor: (directory, place, sources) => sidesListing(directory, place, sources),

  'site-experiments': async (_, __, sources) =>
    new DirectoryListing('site-experiments', [
      (await sources.siteIds('experiments')).map((id) => linkChild({ id, label: id }, { experiment: id })),
    ]),

  'site-subjects': async (_, __, sources) =>
    new DirectoryListing('site-subjects', [
      (await sources.siteIds('subjects')).map((id) => linkChild({ id, label: id }, { subject: id })),
    ]),

  'project-experiments': async (_, place, sources) => {
    const project = place.item.project!
    const [experiments, subjects] = await Promise.all([
      sources.projectExperiments(project),
      sources.subjects(project),
    ])
    const shown = new Set(subjects.map(({ id }) => id))
    // One that is shared without its subject has no other place in the project.
    const children = experiments.map((experiment) =>
      shown.has(experiment.subjectId)
        ? linkChild(experiment, { ...place.item, subject: experiment.subjectId, experiment: experiment.id })
        : experimentChild(place, experiment),
    )
    return new DirectoryListing('project-experiments', [children])
  },
}

async function listTree(
  directory: DirectoryEntry,
  place: TreePlace,
  sources: Sources,
  corrections: Corrections,
): Promise<DirectoryListing | undefined> {
  const files = await Promise.all(place.parts.map((part) => sources.files(part)))
  const root = buildTree(place.parts.map((part, index) => [part, files[index]!] as const))
  const folder = folderAt(root, place.path)
  return folder && treeListing(directory, folder, corrections)
}

function linkChild(item: Pick<Labelled, 'id' | 'label'>, to: ItemAddress): Child {
  return {
    label: item.label,
    id: item.id,
    aliases: [item.label, item.id],
    entry: (name): SymlinkEntry => linkEntry(name, to),
  }
}

/**
 * How to ask for what only image sessions have. XNAT's own types that are none have no scans, and asking for them can
 * answer 500 (xnat-wire.md §8); other people's types tell by such an answer that they are none.
 */
function askerOf(
  xsiType: string | undefined,
  sources: Sources,
): <T>(question: () => Promise<T[]>) => Promise<T[]> {
  const isDoubtful =
    xsiType !== undefined && (!xsiType.startsWith('xnat:') || xsiType === 'xnat:otherDicomSessionData')
  if (isDoubtful) return (question) => sources.orNone(['not-found', 'server'], question)
  if (xsiType === undefined || xsiType.endsWith('SessionData')) return (question) => question()
  return () => Promise.resolve([])
}
