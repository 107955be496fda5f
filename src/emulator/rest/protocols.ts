import { StatusError } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { findProject } from '../store/access.js'
import type { Project } from '../store/model.js'
import { canonicalType, pluralName } from '../store/xsi-types.js'
import { itemAnswer } from './item-answer.js'
import type { ItemNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'

/** What a project keeps of each of its data types: xnat:datatypeProtocol. */
export function protocolNodes(context: RestContext, project: Project): ItemNode[] {
  const types = new Set<string>(['xnat:subjectData'])
  for (const experiment of context.services.database.experiments())
    if (experiment.project === project.id) types.add(experiment.xsiType)
  return [...types].map((type) => protocolNode(project, type))
}

function protocolNode(project: Project, type: string): ItemNode {
  const fields = {
    ID: `${project.id}_${type.replace(':', '_')}`,
    name: pluralName(type),
    'data-type': type,
  }
  return { xsiType: 'xnat:datatypeProtocol', fields, meta: undefined, children: [] }
}

/**
 * `/projects/{P}/protocols/{ID}?dataType={TYPE}`: ProtocolResource. It wants the data type even where the ID is known:
 * without one it fails (xnat-wire.md §11.2). One that is not there yet would be made by the question; here none is.
 */
export function projectProtocol(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  if (!project) throw new StatusError(404, `Couldn't find a project with the ID ${id}`)
  const protocol = context.variable('PROTOCOL_ID')
  const asked = context.query.get('dataType')
  return {
    variants: [MEDIA.xml],
    get: (mediaType) => {
      const type = asked === undefined ? undefined : canonicalType(asked)
      if (type === undefined)
        throw new StatusError(
          500,
          `An error occurred trying to retrieve the protocol for the '${asked}' data type`,
        )
      const known = protocolNodes(context, project).find(({ fields }) => fields['ID'] === protocol)
      return itemAnswer(context, known ?? protocolNode(project, type), mediaType)
    },
  }
}
