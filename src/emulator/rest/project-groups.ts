import { StatusError, outputAnswer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canEditIn, findProject } from '../store/access.js'
import { PROJECT_ROLES, type Project, type ProjectRole } from '../store/model.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import { groupId } from './users.js'

/** Types of which a group's rights are told. */
const SECURED = ['xnat:projectData', 'xnat:subjectData', 'xnat:mrSessionData'] as const

/** `/projects/{P}/groups[/{G}]`: ProjectGroupResource. Of a group that is none it tells the list of all. */
export function projectGroups(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  // A checked exception in a constructor (xnat-wire.md §5).
  if (!project) throw new StatusError(404, `Couldn't find the requested project: ${id}`)
  const name = context.variable('GROUP_ID')
  return {
    variants: [MEDIA.xml, MEDIA.json, MEDIA.html],
    get: (mediaType) => {
      const role = PROJECT_ROLES.find((each) => name !== undefined && names(project, each).includes(name))
      if (role) return outputAnswer(groupXml(project, role), MEDIA.xml)
      const rows = PROJECT_ROLES.map((each): Cell[] => [
        groupId(project, each),
        each,
        project.id,
        keyOf(project, each),
        project.members[each].length,
      ]).toSorted((a, b) => (String(a[1]) < String(b[1]) ? 1 : -1))
      const columns = ['id', 'displayname', 'tag', 'xdat_usergroup_id', 'users']
      return tableAnswer(context, { columns, rows }, mediaType, {
        title: 'Projects',
        totalRecords: rows.length,
      })
    },
  }
}

function names(project: Project, role: ProjectRole): string[] {
  const id = groupId(project, role)
  return [id, id.slice(project.id.length + 1), role, String(keyOf(project, role))]
}

/** xdat_usergroup_id */
function keyOf(project: Project, role: ProjectRole): number {
  return project.meta.eventId * PROJECT_ROLES.length + PROJECT_ROLES.indexOf(role)
}

function groupXml(project: Project, role: ProjectRole): string {
  const rights = {
    read: 1,
    edit: role === 'Collaborators' ? 0 : 1,
    delete: role === 'Owners' ? 1 : 0,
  }
  const access = SECURED.map((type) => {
    const attributes = Object.entries({ ...rights, create: rights.edit, active: rights.edit })
      .map(([right, value]) => ` ${right}_element="${value}"`)
      .join('')
    return (
      `<xdat:element_access element_name="${type}">\n<xdat:permissions>\n<xdat:allow_set>\n` +
      `<xdat:field_mapping field="${type}/project" field_value="${project.id}" comparison_type="equals"${attributes}/>\n` +
      '</xdat:allow_set>\n</xdat:permissions>\n</xdat:element_access>\n'
    )
  })
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<xdat:UserGroup ID="${groupId(project, role)}" displayName="${role}" tag="${project.id}" xmlns:xdat="http://nrg.wustl.edu/security">\n` +
    `${access.join('')}</xdat:UserGroup>\n`
  )
}

/** `/projects/{P}/pars`: who has asked for access, which is done on the web pages only. */
export function projectAccessRequests(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  if (!project) throw new StatusError(404, `Unknown project: ${id}`)
  if (!canEditIn(project, context.user)) {
    const { login } = context.user
    throw new StatusError(
      403,
      `The user ${login} is not allowed to access this information for the project: ${id}`,
    )
  }
  const columns = [
    'par_id',
    'proj_id',
    'level',
    'create_date',
    'email',
    'login',
    'secondary_id',
    'approved',
    'approval_date',
  ]
  return {
    variants: [MEDIA.json, MEDIA.html, MEDIA.xml],
    get: (mediaType) => tableAnswer(context, { columns, rows: [] }, mediaType, {}),
  }
}
