import { StatusError, type Answer } from '../http/answer.js'
import { canEditIn, roleIn } from '../store/access.js'
import { sqlTimestamp } from '../store/catalog.js'
import type { Project } from '../store/model.js'
import type { RestContext } from './resource.js'
import { tableAnswer, type Cell } from './table.js'

/** Parameters that turn the project list into a different, lower-case table (FilteredProjects, §2.2). */
const PARAMETERS = [
  'accessible',
  'data',
  'prearc_code',
  'recent',
  'owner',
  'member',
  'collaborator',
  'activeSince',
  'favorite',
  'admin',
  'users',
]

export function isFilteredProjectQuery(context: RestContext): boolean {
  return PARAMETERS.some((name) => context.query.has(name))
}

/** The first letter of the role's group, as displays have it. */
function roleName(context: RestContext, project: Project): Cell {
  const role = roleIn(project, context.user)
  return role ?? null
}

function isSelected(context: RestContext, project: Project): boolean {
  const { query, user } = context
  const role = roleIn(project, user)
  const seesAll = user.siteRole !== 'none'
  const data = query.get('data')
  if (data !== undefined && !/^(?:readable|writable)$/i.test(data)) {
    throw new StatusError(
      400,
      `The value specified for the data parameter is invalid: ${data}. Must be one of readable or writable.`,
    )
  }
  if (data?.toLowerCase() === 'writable' && !canEditIn(project, user)) return false
  const accessible = query.get('accessible')
  if (accessible?.toLowerCase() === 'false' && role !== undefined) return false
  const either: boolean[] = []
  const byRole = (name: string, matches: boolean): void => {
    const value = query.get(name)
    if (value !== undefined) either.push(value.toLowerCase() === 'true' ? matches : !matches)
  }
  byRole('users', role !== undefined)
  byRole('owner', role === 'Owners')
  byRole('member', role === 'Members')
  byRole('collaborator', role === 'Collaborators')
  if (query.isTrue('admin') && seesAll) either.push(true)
  // Nobody's recent visits and favourites are kept here.
  if (query.has('favorite')) either.push(false)
  if (query.has('recent')) either.push(true)
  return either.length === 0 || either.some(Boolean)
}

/** The DisplaySearch table of projects: lower-case columns, no URI, sorted by secondary ID. */
export function filteredProjects(
  context: RestContext,
  readable: readonly Project[],
  mediaType: string,
): Answer {
  const { user } = context
  const withCodes = context.query.isTrue('prearc_code')
  const columns = [
    'id',
    'name',
    'description',
    'secondary_id',
    'pi',
    'project_invs',
    'project_access',
    'project_access_img',
    'insert_date',
    'insert_user',
    `user_role_${user.id}`,
    `last_accessed_${user.id}`,
    ...(withCodes ? ['proj_quarantine', 'proj_prearchive_code'] : []),
  ]
  const rows = readable
    .filter((project) => isSelected(context, project))
    .sort((a, b) => (a.secondaryId < b.secondaryId ? -1 : 1))
    .map((project): Cell[] => [
      project.id,
      project.name,
      project.description,
      project.secondaryId,
      [project.fields['PI/lastname'], project.fields['PI/firstname']].filter(Boolean).join(', '),
      null,
      project.accessibility,
      `/@WEBAPP/images/${project.accessibility === 'public' ? 'globe' : 'key'}.gif`,
      sqlTimestamp(project.meta.insertDateMs),
      project.meta.insertUser,
      roleName(context, project),
      null,
      ...(withCodes ? [project.quarantineCode, project.prearchiveCode] : []),
    ])
  const properties = { title: 'Projects', xdat_user_id: user.id, totalRecords: rows.length }
  return tableAnswer(context, { columns, rows }, mediaType, properties)
}
