import { EMPTY_OK, StatusError, outputAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { escapeXml } from '../http/text.js'
import { canReadItem, canReadProject } from '../store/access.js'
import type { Experiment, Fields, Meta, Workflow } from '../store/model.js'
import { singularName } from '../store/xsi-types.js'
import { itemFromRequest } from './item-input.js'
import { writeJson, type JsonValue } from './json.js'
import type { RestContext, RestResource } from './resource.js'

/** What has been done to items, as XNAT keeps it: a workflow for each event (xnat-wire.md §11.1). */

const VARIANTS: readonly string[] = [MEDIA.xml]
/** Without these no workflow is made; spelt as `fieldsOf` has them. */
const REQUIRED = ['id', 'launch_time', 'pipeline_name', 'data_type'] as const

interface EventOf {
  readonly id: string
  readonly xsiType: string
  readonly project: string
  readonly meta: Meta
}

/** That an item was made, which its own data tell. */
function madeBy({ id, xsiType, project, meta }: EventOf): Workflow {
  return {
    key: meta.eventId,
    user: meta.insertUser,
    fields: {
      id,
      externalid: project,
      data_type: xsiType,
      pipeline_name: `Added ${singularName(xsiType)}`,
      launch_time: launchTime(meta.insertDateMs),
      status: 'Complete',
      category: 'DATA',
      type: 'WEB_SERVICE',
    },
  }
}

function launchTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19)
}

/** All that this user may see. One that somebody has changed hides what it was. */
function workflows(context: RestContext): Workflow[] {
  const { database } = context.services
  const made: Workflow[] = []
  for (const project of database.projects()) {
    if (canReadProject(project, context.user))
      made.push(madeBy({ ...project, xsiType: 'xnat:projectData', project: project.id }))
  }
  for (const subject of database.subjects()) {
    if (canReadItem(database, subject, context.user))
      made.push(madeBy({ ...subject, xsiType: 'xnat:subjectData' }))
  }
  for (const experiment of database.experiments()) {
    if (canReadItem(database, experiment, context.user)) made.push(madeBy(experiment))
  }
  const changed = new Set(database.workflows.map(({ key }) => key))
  return [...made.filter(({ key }) => !changed.has(key)), ...database.workflows]
}

/** `/workflows/{ID}` by its number, `/workflows?wrk:workflowData/…` by its pipeline, item and time: WorkflowResource. */
export function workflowItem(context: RestContext): RestResource {
  return {
    variants: VARIANTS,
    get: async () => {
      const found = await find(context)
      if (!found) throw new StatusError(404, 'Unable to find the specified workflow.')
      return outputAnswer(workflowXml(found), MEDIA.xml)
    },
    put: () => put(context),
  }
}

async function find(context: RestContext): Promise<Workflow | undefined> {
  const number = context.variable('WORKFLOW_ID')
  if (number !== undefined) return workflows(context).find(({ key }) => String(key) === number)
  return matching(context, await fieldsOf(context))
}

function matching(context: RestContext, wanted: Fields): Workflow | undefined {
  return workflows(context).find(({ fields }) =>
    ['id', 'pipeline_name', 'launch_time'].every((name) => fields[name] === wanted[name]),
  )
}

/** What a request says of a workflow. Times have a blank or a T in the middle. */
async function fieldsOf(context: RestContext): Promise<Record<string, string>> {
  const input = await itemFromRequest(context, 'wrk:workflowData')
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(input?.fields ?? {})) fields[name.toLowerCase()] = String(value)
  const { launch_time: time } = fields
  if (time !== undefined) fields['launch_time'] = time.replace(' ', 'T').slice(0, 19)
  return fields
}

async function put(context: RestContext): Promise<Answer> {
  const { database } = context.services
  const { user } = context
  const fields = await fieldsOf(context)
  const number = context.variable('WORKFLOW_ID')
  const known = number === undefined ? matching(context, fields) : await find(context)
  if (number !== undefined && !known) throw new StatusError(404, 'Unable to find the specified workflow.')
  if (known && known.user !== user.login && user.siteRole !== 'admin')
    throw new StatusError(403, 'You are not allowed to make changes to this workflow.')
  if (!known && REQUIRED.some((name) => (fields[name] ?? '') === ''))
    throw new StatusError(
      400,
      'Id, launch_time, data_type and pipeline_name are all required (scan_id may be specified when appropriate but is not required).',
    )
  const key = known?.key ?? database.nextNumber('event')
  const changed: Workflow = {
    key,
    user: known?.user ?? user.login,
    fields: { ...known?.fields, ...fields },
  }
  const others = database.workflows.filter((workflow) => workflow.key !== key)
  database.workflows.splice(0, database.workflows.length, ...others, changed)
  await database.commit()
  return EMPTY_OK
}

/** `/services/workflows/workflowid/{KEY}`: the same by another path. */
export function workflowByKey(context: RestContext): RestResource {
  return {
    variants: ['application/*+xml'],
    get: () => {
      const number = context.variable('WORKFLOW_PRIMARY_KEY')!
      const found = workflows(context).find(({ key }) => String(key) === number)
      if (!found) throw new StatusError(500)
      return outputAnswer(workflowXml(found), MEDIA.xml)
    },
  }
}

/**
 * `/services/workflows/{PIPELINE}?experiment={E}`: the latest of an experiment whose pipeline has this in its name.
 * Without an experiment the original asks its database what that does not understand: 404, whatever there is.
 */
export function latestWorkflow(context: RestContext): RestResource {
  const pipeline = context.variable('PIPELINE_NAME')
  return {
    variants: [MEDIA.excel],
    get: () => {
      const id = context.query.get('experiment')
      const found = workflows(context)
        .filter(({ fields }) => id !== undefined && fields['id'] === id)
        .filter(({ fields }) => has(fields, pipeline))
        .toSorted((a, b) => (String(a.fields['launch_time']) < String(b.fields['launch_time']) ? 1 : -1))
      const [latest] = found
      if (!latest) throw new StatusError(404, `Unable to find workflow entry with pipeline_name ${pipeline}`)
      return outputAnswer(workflowXml(latest), MEDIA.xml)
    },
  }
}

/** `LIKE '%…%'` of what the URL spells, in any case. */
function has(fields: Fields, pipeline: string | undefined): boolean {
  if (pipeline === undefined) return false
  const pattern = pipeline
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.')
  return new RegExp(pattern, 'i').test(String(fields['pipeline_name']))
}

const ATTRIBUTES: Readonly<Record<string, string>> = { id: 'ID', externalid: 'ExternalID' }

function workflowXml({ key, fields }: Workflow): string {
  const attributes = Object.entries(fields).map(
    ([name, value]) => ` ${ATTRIBUTES[name] ?? name}="${escapeXml(String(value))}"`,
  )
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<wrk:Workflow${attributes.join('')} xmlns:wrk="http://nrg.wustl.edu/workflow" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n` +
    `<!--hidden_fields[wrk_workflowData_id="${key}"]-->\n</wrk:Workflow>\n`
  )
}

/** `…/history` of an experiment: its events, and those of what assesses it. JSON whatever was asked for. */
export function historyAnswer(context: RestContext, experiment: Experiment): Answer {
  const ids = new Set([experiment.id])
  for (const { id, sessionId } of context.services.database.experiments())
    if (sessionId === experiment.id) ids.add(id)
  return eventsAnswer(context, (fields) => ids.has(String(fields['id'])))
}

export function eventsAnswer(context: RestContext, isWanted: (fields: Fields) => boolean): Answer {
  const events = workflows(context)
    .filter(({ fields }) => isWanted(fields))
    .map(eventOf)
  return outputAnswer(writeJson({ events }), MEDIA.json)
}

function eventOf({ key, user, fields }: Workflow): JsonValue {
  const { pipeline_name: action, launch_time: time, type, category, status } = fields
  return {
    event_id: key,
    event_action: String(action),
    event_date: Date.parse(`${String(time)}Z`),
    event_user: user,
    ...(type !== undefined && { event_type: String(type) }),
    ...(category !== undefined && { event_category: String(category) }),
    ...(status !== undefined && { event_status: String(status) }),
    changesets: [],
  }
}
