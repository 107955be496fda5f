import type { Exchange } from '../http/exchange.js'
import { sendPlain, sendTomcatError } from '../http/send.js'
import type { Services } from '../services.js'
import { canReadProject, roleIn } from '../store/access.js'
import { PROJECT_ROLES } from '../store/model.js'
import { schemaDocument, schemaNames } from './schemas.js'
import { findUser, isGuest, type UserAccount } from '../users.js'

/** The few XAPI calls clients make (xnat-wire.md §1.4): Spring, not Restlet, hence other headers and errors. */

const BUILD_INFO: Readonly<Record<string, string>> = {
  version: '1.8.11',
  buildNumber: '1',
  buildDate: 'Mon Jun 03 12:00:00 UTC 2024',
  sha: '93d33cbf6',
  isDirty: 'false',
  commit: '0',
  tag: '1.8.11',
  shaFull: '93d33cbf60000000000000000000000000000000',
  branch: 'master',
  timestamp: '1717416000000',
}

type XapiAnswer =
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly xml: string }
  | { readonly status: number }

interface XapiCall {
  readonly exchange: Exchange
  readonly services: Services
  readonly user: UserAccount
  readonly parts: readonly string[]
}

/** Answers a request below `/xapi`; `path` is what follows that prefix. */
export async function dispatchXapi(exchange: Exchange, services: Services, path: string): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '')
  const answer = route({ exchange, services, user: exchange.user, parts })
  if ('json' in answer) {
    await sendPlain(exchange, 200, 'application/json', JSON.stringify(answer.json))
  } else if ('xml' in answer) {
    await sendPlain(exchange, 200, 'application/xml;charset=UTF-8', answer.xml)
  } else if ('text' in answer) {
    await sendPlain(exchange, 200, 'text/plain;charset=UTF-8', answer.text)
  } else {
    await sendTomcatError(exchange, answer.status)
  }
}

function route(call: XapiCall): XapiAnswer {
  const { parts, exchange } = call
  const isGet = exchange.method === 'GET' || exchange.method === 'HEAD'
  if (parts[0] === 'siteConfig') return isGet ? siteConfig(call) : { status: 405 }
  if (parts[0] === 'users' && parts[1] === 'active' && exchange.method === 'DELETE') return endSessions(call)
  if (!isGet) return { status: 405 }
  if (parts[0] === 'users') return users(call)
  if (parts.join('/') === 'access/projects') return { json: accessibleProjects(call) }
  if (parts[0] === 'schemas') return schemas(parts.slice(1).join('/'))
  return { status: 404 }
}

function schemas(name: string): XapiAnswer {
  if (name === '') return { json: schemaNames() }
  const xml = schemaDocument(name)
  return xml === undefined ? { status: 404 } : { xml }
}

function siteConfig({ parts, services }: XapiCall): XapiAnswer {
  const [, name, property] = parts
  if (name === 'buildInfo' && property !== undefined && parts.length === 3) {
    const text = BUILD_INFO[property]
    return text === undefined ? { status: 404 } : { text }
  }
  if (property !== undefined) return { status: 404 }
  switch (name) {
    case 'buildInfo':
      return { json: BUILD_INFO }
    case 'uptime': {
      const total = Math.max(0, services.now() - services.startedAtMs) / 1000
      const json = {
        days: String(Math.floor(total / 86_400)),
        hours: String(Math.floor(total / 3600) % 24),
        minutes: String(Math.floor(total / 60) % 60),
        seconds: (total % 60).toFixed(3),
      }
      return { json }
    }
    case undefined:
      return { json: { siteId: 'XNAT', siteUrl: '', requireLogin: true } }
    default:
      return { status: 404 }
  }
}

function profile(user: UserAccount) {
  const { id, login, firstname, lastname, email } = user
  return {
    id,
    username: login,
    firstName: firstname,
    lastName: lastname,
    email,
    admin: user.siteRole === 'admin',
    enabled: true,
    verified: true,
    secured: true,
  }
}

function users({ parts, user, services }: XapiCall): XapiAnswer {
  if (isGuest(user)) return { status: 401 }
  const path = parts.slice(1).join('/')
  if (path === 'username') return { text: user.login }
  if (path === 'profile') return { json: profile(user) }
  if (path === 'projects') {
    const readable = [...services.database.projects()].filter((project) => canReadProject(project, user))
    return { json: readable.map((project) => project.id) }
  }
  if (parts.length > 3 || ['username', 'profile', 'projects'].includes(parts[1] ?? '')) return { status: 404 }
  const named = parts[1] === undefined ? undefined : findUser(parts[1])
  if (!named || named.login !== user.login) {
    if (user.siteRole !== 'admin') return { status: 403 }
    if (!named) return { status: 404 }
  }
  if (parts[2] === undefined) return { json: profile(named) }
  return parts[2] === 'groups' ? { json: groupsOf(named, services) } : { status: 404 }
}

function groupsOf(user: UserAccount, services: Services): string[] {
  const groups: string[] = []
  for (const project of services.database.projects()) {
    const role = roleIn(project, user)
    if (role !== undefined) groups.push(`${project.id}_${role.slice(0, -1).toLowerCase()}`)
  }
  return groups
}

function accessibleProjects({ user, services }: XapiCall) {
  return [...services.database.projects()]
    .filter((project) => canReadProject(project, user))
    .map((project) => ({
      id: project.id,
      name: project.name,
      secondaryId: project.secondaryId,
      description: project.description,
      accessibility: project.accessibility,
      role: PROJECT_ROLES.find((role) => project.members[role].includes(user.login)) ?? null,
    }))
}

/** `DELETE /xapi/users/active/{u}`: ends somebody's sessions and answers their ids. */
function endSessions({ parts, user, services }: XapiCall): XapiAnswer {
  const login = parts[2]
  if (login === undefined || (login !== user.login && user.siteRole !== 'admin')) return { status: 403 }
  return { json: services.sessions.removeAll(login) }
}
