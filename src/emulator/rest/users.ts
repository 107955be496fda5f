import { StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, findProject } from '../store/access.js'
import { PROJECT_ROLES, type Project, type ProjectRole } from '../store/model.js'
import { GUEST, allUsers, findUser, isGuest } from '../users.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell, type Table } from './table.js'

const LIST_VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

/** `<project>_owner` and so on: the IDs of the groups that carry a project's roles. */
const GROUP_SUFFIX: Readonly<Record<ProjectRole, string>> = {
  Owners: 'owner',
  Members: 'member',
  Collaborators: 'collaborator',
}

/** `/users`: everybody, for everybody but guests; the title is the original's. */
export function userList(context: RestContext): RestResource {
  if (isGuest(context.user)) {
    throw new StatusError(403, 'Access Denied: Only site managers can access site-level user resources.')
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const users = [...allUsers(), GUEST].sort((a, b) => (a.lastname < b.lastname ? -1 : 1))
      const rows = users.map(({ id, login, firstname, lastname, email }): Cell[] => [
        id,
        login,
        firstname,
        lastname,
        email,
      ])
      const columns = ['xdat_user_id', 'login', 'firstname', 'lastname', 'email']
      return tableAnswer(context, { columns, rows }, mediaType, {
        title: 'Projects',
        totalRecords: rows.length,
      })
    },
  }
}

/** `/user`: the log-ins of all accounts, for site administrators; as plain text, JSON or XML. */
export function loginList(context: RestContext): RestResource {
  requireAdministrator(context)
  return {
    variants: [MEDIA.all],
    get: () => {
      const logins = [...allUsers(), GUEST].map(({ login }) => login)
      if (context.query.get('format') !== 'xml') return stringAnswer(JSON.stringify(logins))
      const lines = logins.map((login) => `    <login>${login}</login>\n`)
      return stringAnswer(`<?xml version="1.0"?>\n<logins>\n${lines.join('')}</logins>\n`)
    },
  }
}

/** `/user/{U}/roles`: those of the site, for site administrators. */
export function userRoles(context: RestContext): RestResource {
  requireAdministrator(context)
  const user = findUser(context.variable('USER_ID')!)
  if (!user) throw new StatusError(500, 'An error occurred trying to retrieve the user')
  return {
    variants: [MEDIA.all],
    get: (mediaType) => {
      const rows: Cell[][] = user.siteRole === 'admin' ? [['Administrator']] : []
      return tableAnswer(context, { columns: ['role'], rows }, mediaType, { totalRecords: rows.length })
    },
  }
}

function requireAdministrator({ user }: RestContext): void {
  if (user.siteRole !== 'admin')
    throw new StatusError(403, 'User does not have privileges to access this project.')
}

/** `/user/{U}`: an account, for site administrators; XML or JSON, and both as plain text. */
export function userDetails(context: RestContext): RestResource {
  requireAdministrator(context)
  return {
    variants: [MEDIA.plain],
    get: () => {
      const user = findUser(context.variable('USER_ID')!)
      if (!user) throw new StatusError(500, 'There was an error rendering the list of user IDs')
      const { login, email, firstname, lastname } = user
      const facts = { login, email, firstname, lastname, enabled: '1', verified: '1' }
      return stringAnswer(context.query.get('format') === 'xml' ? xmlOf(facts) : JSON.stringify(facts))
    },
  }
}

function xmlOf(facts: Readonly<Record<string, string>>): string {
  const lines = Object.entries(facts).map(([name, value]) => `    <${name}>${value}</${name}>\n`)
  return `<?xml version="1.0"?>\n<user>\n${lines.join('')}</user>\n`
}

/** `/user/{U}/sessions`: how many sessions a user has. */
export function userSessionCount(context: RestContext): RestResource {
  const login = context.variable('USER_ID')!
  return {
    variants: [MEDIA.plain],
    get: () => {
      if (login !== context.user.login && context.user.siteRole !== 'admin') throw new StatusError(403)
      return stringAnswer(String(context.services.sessions.count(login)))
    },
  }
}

export function groupId(project: Project, role: ProjectRole): string {
  return `${project.id}_${GROUP_SUFFIX[role]}`
}

function memberTable(project: Project): Table {
  const columns = ['GROUP_ID', 'displayname', 'login', 'firstname', 'lastname', 'email']
  // ORDER BY group id DESC: owner, member, collaborator.
  const rows = PROJECT_ROLES.flatMap((role) =>
    project.members[role].flatMap((login): Cell[][] => {
      const user = findUser(login)
      if (!user) return []
      return [[groupId(project, role), role, login, user.firstname, user.lastname, user.email]]
    }),
  )
  return { columns, rows }
}

function memberAnswer(context: RestContext, project: Project, mediaType: string): Answer {
  const table = memberTable(project)
  return tableAnswer(context, table, mediaType, { title: 'Projects', totalRecords: table.rows.length })
}

/** `/projects/{P}/users`. */
export function projectUserList(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  if (!project) {
    throw new StatusError(
      404,
      `The project ID ${id} does not appear to be a valid project ID. Please verify your information.`,
    )
  }
  return { variants: LIST_VARIANTS, get: (mediaType) => memberAnswer(context, project, mediaType) }
}

function roleOf(project: Project, group: string): ProjectRole | undefined {
  return PROJECT_ROLES.find((role) => {
    const suffix = GROUP_SUFFIX[role]
    return group === role || group === suffix || group === `${project.id}_${suffix}`
  })
}

/** `/projects/{P}/users/{GROUP}/{USER}`: PUT adds, DELETE removes; both answer with the new list. */
export function projectMember(context: RestContext): RestResource {
  const { services, user } = context
  const project = findProject(services.database, context.variable('PROJECT_ID')!, user)
  const role = project && roleOf(project, context.decodedVariable('GROUP_ID')!)
  if (!project || !role) throw new StatusError(404)
  const logins = context
    .variable('USER_ID')!
    .split(',')
    .map((login) => login.trim())
  const change = async (apply: () => void): Promise<Answer> => {
    const allowed = canDeleteIn(project, user)
    if (allowed) {
      apply()
      await services.database.commit()
    }
    // A refusal carries the list too: the original sets the status and then goes on.
    const answer = memberAnswer(context, project, context.overrideVariant(MEDIA.json))
    return allowed ? answer : { ...answer, status: 403 }
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => memberAnswer(context, project, mediaType),
    put: () => {
      if (logins.includes(GUEST.login)) return { status: 412 }
      return change(() => addMembers(project, role, logins))
    },
    delete: () =>
      change(() => {
        project.members[role] = project.members[role].filter((login) => !logins.includes(login))
      }),
  }
}

/** Somebody has one role in a project; people nobody knows are invited by mail, which is nothing here. */
function addMembers(project: Project, role: ProjectRole, logins: readonly string[]): void {
  for (const login of logins) {
    if (!findUser(login)) continue
    for (const other of PROJECT_ROLES) {
      project.members[other] = project.members[other].filter((name) => name !== login)
    }
    project.members[role].push(login)
  }
}

/** `/scan_types`: types of scans of one kind with the series descriptions they go by. */
export function scanTypes(context: RestContext): RestResource {
  const { services, user } = context
  const id = context.variable('PROJECT_ID')
  const project = id === undefined ? undefined : findProject(services.database, id, user)
  if (id !== undefined && !project) throw new StatusError(404)
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const wanted = context.query.get('table') ?? 'xnat_mrScanData'
      if (!/^xnat_(?:mr|pet)ScanData$/i.test(wanted)) throw new StatusError(403)
      const xsiType = wanted.toLowerCase() === 'xnat_petscandata' ? 'xnat:petScanData' : 'xnat:mrScanData'
      const byType = new Map<string, string>()
      for (const session of services.database.experiments()) {
        if (project && session.project !== project.id) continue
        for (const scan of session.scans.filter((candidate) => candidate.xsiType === xsiType)) {
          const description = scan.fields['series_description']
          const soFar = byType.get(scan.type ?? '') ?? ''
          byType.set(scan.type ?? '', description === undefined ? soFar : `${soFar}${String(description)},`)
        }
      }
      const rows = [...byType]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([type, names]): Cell[] => [names, type])
      const table = { columns: ['series_descriptions', 'type'], rows }
      return tableAnswer(context, table, mediaType, { title: 'Scan Types', totalRecords: rows.length })
    },
  }
}
