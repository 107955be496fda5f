import { EMPTY_OK, StatusError, stringAnswer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, findProject } from '../store/access.js'
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
  const check = (): void => {
    if (!project || !canDeleteIn(project, user)) throw new StatusError(403)
  }
  return {
    variants: [MEDIA.json, MEDIA.xml],
    get: (mediaType) => {
      check()
      const { name, description, path, datatype } = PIPELINE
      if (mediaType === MEDIA.xml) {
        const text =
          `<?xml version="1.0" encoding="UTF-8"?>\n<arc:project id="${project!.id}" xmlns:arc="http://nrg.wustl.edu/arc">\n` +
          `<arc:pipelines>\n<arc:descendants>\n<arc:descendant xsiType="${datatype}">\n<arc:pipeline>\n` +
          `<arc:name>${path}</arc:name>\n<arc:displayText>${name}</arc:displayText>\n</arc:pipeline>\n` +
          '</arc:descendant>\n</arc:descendants>\n</arc:pipelines>\n</arc:project>\n'
        return { status: 200, body: { kind: 'output', text, mediaType } }
      }
      const columns = ['Name', 'Description', 'Path', 'Datatype', 'ApplicationName']
      return tableAnswer(context, { columns, rows: [[name, description, path, datatype, '']] }, mediaType, {})
    },
    post: () => {
      check()
      return EMPTY_OK
    },
  }
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
