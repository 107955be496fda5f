import { canReadData, canReadItem, canReadScan } from '../store/access.js'
import type { ResourceParent } from '../store/layout.js'
import type { Experiment, Resource } from '../store/model.js'
import { isImageAssessor, singularName } from '../store/xsi-types.js'
import type { RestContext } from './resource.js'
import type { Selection } from './selection.js'

/** One row of XNATTemplate.loadCatalogs: a resource and what it hangs on. */
export interface CatalogRow {
  readonly resource: Resource
  readonly parent: ResourceParent
  readonly category: string
  readonly catId: string | null
  readonly catDesc: string | null
  /** `/data/experiments/…/resources/12`, without project and subject for experiments. */
  readonly path: string
}

function row(
  resource: Resource,
  parent: ResourceParent,
  base: string,
  [category, catId, catDesc]: readonly [string, string | null, string | null],
): CatalogRow {
  return { resource, parent, category, catId, catDesc, path: `/data${base}/resources/${resource.id}` }
}

/** The resources that hang on one parent; an experiment's own and an assessor's sides are different lists. */
export function resourcesOf(parent: ResourceParent): Resource[] {
  switch (parent.kind) {
    case 'project':
      return parent.project.resources
    case 'subject':
      return parent.subject.resources
    case 'experiment':
      return parent.experiment.resources
    case 'assessor':
      return parent.side === 'in' ? parent.assessor.inResources : parent.assessor.outResources
    case 'scan':
      return parent.scan.resources
    default:
      return parent.side === 'in' ? parent.reconstruction.inResources : parent.reconstruction.outResources
  }
}

function rowsOf(parent: ResourceParent): CatalogRow[] {
  const resources = resourcesOf(parent)
  switch (parent.kind) {
    case 'project':
      return resources.map((resource) =>
        row(resource, parent, `/projects/${parent.project.id}`, ['resources', null, ' ']),
      )
    case 'subject': {
      const { subject } = parent
      const base = `/projects/${subject.project}/subjects/${subject.id}`
      return resources.map((resource) => row(resource, parent, base, ['resources', null, ' ']))
    }
    case 'experiment': {
      const { id } = parent.experiment
      return resources.map((resource) => row(resource, parent, `/experiments/${id}`, ['resources', id, ' ']))
    }
    case 'assessor': {
      const { id, sessionId, xsiType } = parent.assessor
      const base = `/experiments/${sessionId}/assessors/${id}/${parent.side}`
      return resources.map((resource) =>
        row(resource, parent, base, ['assessors', id, singularName(xsiType)]),
      )
    }
    case 'scan': {
      const { id, type } = parent.scan
      const base = `/experiments/${parent.session.id}/scans/${id}`
      return resources.map((resource) => row(resource, parent, base, ['scans', id, type]))
    }
    default: {
      const { id, type } = parent.reconstruction
      const base = `/experiments/${parent.session.id}/reconstructions/${id}/${parent.side}`
      return resources.map((resource) => row(resource, parent, base, ['reconstructions', id, type]))
    }
  }
}

/** `?all=true`: the session's own resources and those of its scans, reconstructions (out) and assessors. */
function allRowsOf(context: RestContext, session: Experiment): CatalogRow[] {
  const { database } = context.services
  const own = rowsOf({ kind: 'experiment', experiment: session }).map((r) => ({
    ...r,
    catId: null,
    catDesc: '',
  }))
  const scans = session.scans
    .filter((scan) => canReadScan(database, session, scan, context.user))
    .flatMap((scan) => rowsOf({ kind: 'scan', session, scan }))
  const reconstructions = session.reconstructions.flatMap((reconstruction) =>
    rowsOf({ kind: 'reconstruction', session, reconstruction, side: 'out' }),
  )
  const assessors = [...database.experiments()]
    .filter((candidate) => candidate.sessionId === session.id && isImageAssessor(candidate.xsiType))
    .filter((candidate) => canReadItem(database, candidate, context.user))
    .flatMap((assessor) => [
      ...rowsOf({ kind: 'assessor', assessor, side: 'out' }),
      ...assessor.resources.map((resource) =>
        row(
          resource,
          { kind: 'experiment', experiment: assessor },
          `/experiments/${session.id}/assessors/${assessor.id}`,
          ['assessors', assessor.id, singularName(assessor.xsiType)],
        ),
      ),
    ])
  return [...own, ...scans, ...reconstructions, ...assessors]
}

/** The rows of a selection; `all` widens a session to everything in it. */
export function catalogRows(context: RestContext, selection: Selection, all: boolean): CatalogRow[] {
  if (all && selection.isPlainExperiment) {
    return selection.experiments.flatMap((experiment) => allRowsOf(context, experiment))
  }
  return selection.parents().flatMap(rowsOf)
}

/** Rows whose resource has one of the names: a number is an ID or a label, `NULL` is a missing label. */
export function matchingRows(rows: readonly CatalogRow[], names: readonly string[]): CatalogRow[] {
  if (names.length === 0) return [...rows]
  const wantsUnlabelled = names.some((name) => name.toUpperCase() === 'NULL')
  return rows.filter(({ resource }) => {
    if (names.includes(String(resource.id))) return true
    return resource.label === null ? wantsUnlabelled : names.includes(resource.label)
  })
}

export interface FoundResource {
  readonly resource: Resource
  readonly parent: ResourceParent
  readonly path: string
}

/** Any resource by its number, wherever it hangs, if the user may read its owner. */
export function findResourceById(context: RestContext, id: number): FoundResource | undefined {
  const { database } = context.services
  const { user } = context
  for (const project of database.projects()) {
    const found = byId(rowsOf({ kind: 'project', project }), id)
    if (found) return readable(found, canReadData(project, user))
  }
  for (const subject of database.subjects()) {
    const found = byId(rowsOf({ kind: 'subject', subject }), id)
    if (found) return readable(found, canReadItem(database, subject, user))
  }
  for (const experiment of database.experiments()) {
    const found = byId(experimentRows(experiment), id)
    if (found) return readable(found, canReadItem(database, experiment, user))
  }
  return undefined
}

function byId(rows: readonly CatalogRow[], id: number): CatalogRow | undefined {
  return rows.find(({ resource }) => resource.id === id)
}

function readable(found: CatalogRow, allowed: boolean): FoundResource | undefined {
  return allowed ? found : undefined
}

function experimentRows(experiment: Experiment): CatalogRow[] {
  const parents: ResourceParent[] = [
    { kind: 'experiment', experiment },
    { kind: 'assessor', assessor: experiment, side: 'in' },
    { kind: 'assessor', assessor: experiment, side: 'out' },
    ...experiment.scans.map((scan) => ({ kind: 'scan' as const, session: experiment, scan })),
    ...experiment.reconstructions.flatMap((reconstruction) =>
      (['in', 'out'] as const).map((side) => ({
        kind: 'reconstruction' as const,
        session: experiment,
        reconstruction,
        side,
      })),
    ),
  ]
  return parents.flatMap(rowsOf)
}
