import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, experimentById, experimentByLabel, findProject } from '../store/access.js'
import type { Project } from '../store/model.js'
import { launchPipeline } from './prearchive-services.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer } from './table.js'

/** The pipeline that each project can run; nothing runs it here. */
const PIPELINE = {
  name: 'DicomToNifti',
  description: 'Converts the DICOM files of a session',
  path: '/data/pipeline/catalog/mricron/DicomToNifti.xml',
  datatype: 'xnat:mrSessionData',
}

/** `/projects/{P}/pipelines`: for owners. */
export function projectPipelines(context: RestContext): RestResource {
  const { services, user } = context
  const project = findProject(services.database, context.variable('PROJECT_ID')!, user)
  const check = (): Project => {
    if (!project || !canDeleteIn(project, user)) throw new StatusError(403)
    return project
  }
  const table = (mediaType: string): Answer => {
    const { name, description, path, datatype } = PIPELINE
    const columns = ['Name', 'Description', 'Path', 'Datatype', 'ApplicationName']
    const rows = check().isWithoutPipeline ? [] : [[name, description, path, datatype, '']]
    return tableAnswer(context, { columns, rows }, mediaType, {})
  }
  return {
    variants: [MEDIA.json, MEDIA.xml],
    get: (mediaType) => {
      if (mediaType !== MEDIA.xml) return table(mediaType)
      return { status: 200, body: { kind: 'output', text: projectXml(check()), mediaType } }
    },
    post: () => {
      check()
      return EMPTY_OK
    },
    delete: () => remove(context, project, () => table(MEDIA.json)),
  }
}

function projectXml({ id, isWithoutPipeline }: Project): string {
  const { name, path, datatype } = PIPELINE
  const pipelines = isWithoutPipeline
    ? ''
    : `<arc:pipelines>\n<arc:descendants>\n<arc:descendant xsiType="${datatype}">\n<arc:pipeline>\n` +
      `<arc:name>${path}</arc:name>\n<arc:displayText>${name}</arc:displayText>\n</arc:pipeline>\n` +
      '</arc:descendant>\n</arc:descendants>\n</arc:pipelines>\n'
  return `<?xml version="1.0" encoding="UTF-8"?>\n<arc:project id="${id}" xmlns:arc="http://nrg.wustl.edu/arc">\n${pipelines}</arc:project>\n`
}

/** By its path and the data type that it is for. Without both of them nothing is done, and the answer is 200. */
async function remove(
  context: RestContext,
  project: Project | undefined,
  table: () => Answer,
): Promise<Answer> {
  if (!project) throw new StatusError(417, 'Expecting path and datatype as query parameters')
  const [path, datatype] = [context.query.get('path'), context.query.get('datatype')]
  if (path === undefined || datatype === undefined) return EMPTY_OK
  if (!canDeleteIn(project, context.user))
    throw new StatusError(403, 'User unauthorized to remove pipeline from project')
  if (project.isWithoutPipeline || path !== PIPELINE.path || datatype !== PIPELINE.datatype) {
    const what = `for project ${project.id} when deleting pipeline ${path}`
    throw new StatusError(500, `Failed to save project specification ${what}`)
  }
  project.isWithoutPipeline = true
  await context.services.database.commit()
  return table()
}

/** `/projects/{P}/pipelines/{STEP}/experiments/{E}`: starts what the project can run, or one of XNAT's own steps. */
export function pipelineLaunch(context: RestContext): RestResource {
  const { database } = context.services
  const project = findProject(database, context.variable('PROJECT_ID')!, context.user)
  const name = context.variable('EXPT_ID')!
  const experiment =
    experimentById(database, name, context.user) ??
    (project ? experimentByLabel(database, project.id, name, context.user) : undefined)
  return { variants: [MEDIA.xml], post: () => launchPipeline(context, project, experiment) }
}

/** `/projects/{P}/pipelines/{NAME}[/details]`: JSON whatever was asked for. A name that is none is an error of the server. */
export function pipelineDetails(context: RestContext): RestResource {
  return {
    variants: [MEDIA.json],
    get: () => {
      const { name, description, path, datatype } = PIPELINE
      if (context.variable('PIPELINE_NAME') !== name)
        throw new StatusError(500, 'There was an error rendering the pipeline details')
      const details = { path, description, appliesTo: datatype, inputParameters: [] }
      return stringAnswer(JSON.stringify(details), MEDIA.json)
    },
  }
}
