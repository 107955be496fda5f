import { StatusError } from '../http/answer.js'
import {
  canReadData,
  canReadItem,
  canReadScan,
  findProject,
  isInProject,
  subjectInProject,
} from '../store/access.js'
import type { Experiment, Project } from '../store/model.js'
import { isImageAssessor, isSecured, isSubjectAssessor } from '../store/xsi-types.js'
import { postAssessor, postExperiment } from './list-post.js'
import { LIST_VARIANTS, counted, paged, relabel, shareLabel } from './list-table.js'
import { isScanPath, rowValue, type ExperimentRow } from './list-values.js'
import { QueryOrganizer, type ListDefinition } from './query-organizer.js'
import type { RestContext, RestResource } from './resource.js'
import { findSession } from './session-lookup.js'
import { tableAnswer, type Table } from './table.js'

const EXPERIMENT_COLUMNS = ['ID', 'project', 'date', 'xsiType', 'label', 'insert_date']

function experiments(
  context: RestContext,
  defaultElement: string,
  defaultColumns: (root: string) => readonly string[],
  shortcuts: 'experiment' | 'derived' = 'experiment',
): ListDefinition<ExperimentRow> {
  return {
    shortcuts,
    defaultElement,
    defaultColumns,
    uriPrefix: '/data/experiments/',
    idOf: ({ experiment }) => experiment.id,
    typeOf: ({ experiment }) => experiment.xsiType,
    valueAt: (row, path) => rowValue(context.services, row, path),
  }
}

/** Rows of these experiments that pass the filters: one for each scan where columns speak of scans, as a join has them. */
function selected(
  context: RestContext,
  organizer: QueryOrganizer<ExperimentRow>,
  candidates: readonly Experiment[],
  filtered = true,
): ExperimentRow[] {
  const { services, user } = context
  const { columns, filters } = organizer.mentions(isScanPath)
  if (!columns && !(filters && filtered))
    return organizer.select(
      candidates.map((experiment) => ({ experiment })),
      filtered,
    )
  const rows = candidates.flatMap((experiment): ExperimentRow[] => {
    const scans = experiment.scans.filter((scan) => canReadScan(services.database, experiment, scan, user))
    return scans.length === 0 ? [{ experiment }] : scans.map((scan) => ({ experiment, scan }))
  })
  const found = organizer.select(rows, filtered)
  if (columns) return found
  return [...new Set(found.map(({ experiment }) => experiment))].map((experiment) => ({ experiment }))
}

/** `/projects/{P}[/subjects/{S}]/experiments`: ProjSubExptList. Image assessors only by `xsiType=`. */
export function projectExperimentList(context: RestContext): RestResource {
  const { services, user } = context
  const { database } = services
  const project = findProject(database, context.variable('PROJECT_ID')!, user)
  if (!project) throw new StatusError(404)
  const subjectName = context.variable('SUBJECT_ID')
  const subject =
    subjectName === undefined ? undefined : subjectInProject(database, project.id, subjectName, user)
  if (subjectName !== undefined && !subject) {
    throw new StatusError(404, `Unable to identify subject ${subjectName}`)
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const definition = experiments(context, 'xnat:subjectAssessorData', () => EXPERIMENT_COLUMNS)
      const organizer = new QueryOrganizer(context, { ...definition, extraColumns: addedForRights })
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      if (!canReadData(project, user)) {
        throw new StatusError(403, `Unable to read experiments for Project: ${project.id}`)
      }
      const candidates = [...database.experiments()].filter(
        (item) => isInProject(item, project.id) && (!subject || ownerOf(context, item) === subject.id),
      )
      const { items, isPage } = paged(context, selected(context, organizer, candidates))
      const table = organizer.table(items)
      asSharedInto(context, table, items, project)
      return counted(context, table, mediaType, isPage)
    },
    post: () => postExperiment(context, project, subject),
  }
}

/**
 * Of rows whose data type says nothing of rights, each has to be looked at by these, whatever `columns=` says (§2.2);
 * those of one that does have not.
 */
function addedForRights(rootElement: string): readonly string[] {
  return isSecured(rootElement) ? [] : ['xsiType', 'project']
}

/** The subject of an experiment, for an image assessor that of its session. */
function ownerOf(context: RestContext, experiment: Experiment): string | null {
  if (experiment.sessionId === null) return experiment.subjectId
  return context.services.database.experiment(experiment.sessionId)?.subjectId ?? null
}

/** Shared rows show label, subject label and project as they are in the project asked for (§2.2). */
function asSharedInto(
  context: RestContext,
  table: Table,
  items: readonly ExperimentRow[],
  project: Project,
): void {
  const isShared = (index: number): boolean =>
    items[index]!.experiment.shares.some((share) => share.project === project.id)
  relabel(table, 'label', (index) => shareLabel(items[index]!.experiment, project.id))
  relabel(table, 'project', (index) => (isShared(index) ? project.id : undefined))
  relabel(table, 'subject_label', (index) => {
    const owner = ownerOf(context, items[index]!.experiment)
    const subject = owner === null ? undefined : context.services.database.subject(owner)
    return isShared(index) && subject ? shareLabel(subject, project.id) : undefined
  })
}

/** `/experiments`: ExperimentListResource. */
export function experimentList(context: RestContext): RestResource {
  const { services, user } = context
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const definition = experiments(context, 'xnat:experimentData', (root) => [
        ...EXPERIMENT_COLUMNS,
        ...(isSubjectAssessor(root) ? ['subject_ID', 'subject_label'] : []),
        ...(isImageAssessor(root) ? ['session_ID', 'session_label'] : []),
      ])
      const organizer = new QueryOrganizer(context, { ...definition, extraColumns: addedForRights })
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const all = selected(context, organizer, [...services.database.experiments()])
      const { items, isPage } = paged(context, all)
      const readable = items.filter(({ experiment }) => canReadItem(services.database, experiment, user))
      const table = organizer.table(readable)
      const properties: Record<string, string | number> = { title: 'Matching experiments' }
      if (!isPage) properties['totalRecords'] = table.rows.length
      return tableAnswer(context, table, mediaType, properties)
    },
  }
}

/** `…/assessors`: ProjSubExptAsstList. Its clause takes the place of the filters; `xsiType=` still works. */
export function assessorList(context: RestContext): RestResource {
  const { services, user } = context
  const { project, session } = findSession(context)
  if (context.variable('PROJECT_ID') !== undefined && !project) {
    throw new StatusError(404, 'Unable to find project.')
  }
  if (!session) throw new StatusError(404, 'Unable to find experiment.')
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const columns = [
        'ID',
        'project',
        'label',
        'date',
        'xsiType',
        'insert_date',
        'session_ID',
        'session_label',
      ]
      const definition = experiments(context, 'xnat:imageAssessorData', () => columns, 'derived')
      const organizer = new QueryOrganizer(context, definition)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const candidates = [...services.database.experiments()].filter(
        (item) => item.sessionId === session.id && canReadItem(services.database, item, user),
      )
      const items = selected(context, organizer, candidates, false)
      const table = organizer.table(items)
      relabel(table, 'label', (index) => shareLabel(items[index]!.experiment, project?.id ?? session.project))
      return counted(context, table, mediaType, false)
    },
    post: () => postAssessor(context, project, session),
  }
}
