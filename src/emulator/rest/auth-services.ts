import { isAliasFormat, tokenJson, type AliasToken } from '../auth/alias-tokens.js'
import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { Query } from '../http/query.js'
import { findUser, isGuest, type UserAccount } from '../users.js'
import { writeJson, type JsonValue } from './json.js'
import type { RestContext, RestResource } from './resource.js'

/** `/JSESSION`: the id of the session; DELETE ends it (xnat-wire.md §7). */
export function jsession(context: RestContext): RestResource {
  const show = (): Answer => {
    const session = context.exchange.session!
    const csrf = /^(?:true|on|yes|t|y)$/i.test(context.query.get('CSRF') ?? '')
    return stringAnswer(session.id + (csrf ? `; XNAT_CSRF=${session.csrfToken}` : ''))
  }
  return {
    variants: [MEDIA.plain],
    get: show,
    post: show,
    delete: () => {
      context.services.sessions.remove(context.exchange.session!.id)
      return EMPTY_OK
    },
  }
}

/** `/auth`. */
export function authentication(context: RestContext): RestResource {
  return {
    variants: [MEDIA.plain],
    get: () => stringAnswer(`User '${context.user.login}' is logged in`),
  }
}

/** `/services/auth`: a login by PUT or POST of URL-encoded pairs; open to everybody. */
export function authService(context: RestContext): RestResource {
  // The constructor throws for GET and for a missing body, which Restlet makes a 404.
  if (context.method === 'GET' || context.method === 'HEAD') throw new StatusError(404)
  if (context.exchange.bodySize === 0) throw new StatusError(404)
  const login = async (): Promise<Answer> => {
    const pairs = new Query(await context.exchange.bodyText())
    const { authenticator } = context.services
    const user = authenticator.check(pairs.plain('username') ?? '', pairs.plain('password') ?? '')
    if (!user || !authenticator.startSession(context.exchange, user)) {
      throw new StatusError(401, 'Authentication failed.')
    }
    return stringAnswer(context.exchange.session!.id)
  }
  return { variants: [MEDIA.all], put: login, post: login }
}

function jsonAnswer(value: JsonValue): Answer {
  return stringAnswer(writeJson(value), MEDIA.json)
}

/** `/services/tokens/{issue|show|validate|invalidate}…`: alias tokens. */
export function aliasTokens(context: RestContext): RestResource {
  const { tokens } = context.services
  const alias = context.variable('TOKEN')
  const token = alias === undefined ? undefined : tokens.locate(alias)
  if (alias !== undefined && !token) {
    const what = isAliasFormat(alias) ? 'alias' : 'ID'
    throw new StatusError(404, `Can't find an alias token with the ${what} ${alias}`)
  }
  const user = requestedUser(context, token)
  return {
    variants: [MEDIA.json],
    get: () => runTokenOperation(context, user, token),
  }
}

function requestedUser(context: RestContext, token: AliasToken | undefined): UserAccount {
  const login = context.variable('USERNAME') ?? context.user.login
  if (isGuest(context.user) || login === 'guest') {
    throw new StatusError(403, "The guest user can't request alias tokens")
  }
  const isOwn = login === context.user.login && (!token || token.user.login === context.user.login)
  if (!isOwn && context.user.siteRole !== 'admin') {
    throw new StatusError(
      403,
      'Non-admin users can only request operations on alias tokens for their own account',
    )
  }
  const user = findUser(login)
  if (!user) throw new StatusError(400, `An error occurred retrieving the user: ${login}`)
  return user
}

function runTokenOperation(context: RestContext, user: UserAccount, token: AliasToken | undefined): Answer {
  const { tokens } = context.services
  const operation = context.variable('OPERATION')
  switch (operation) {
    case 'issue':
      return jsonAnswer(tokenJson(tokens.issue(user)))
    case 'show':
      return jsonAnswer(tokens.ofUser(user.login).map(tokenJson))
    case 'validate': {
      const secret = context.variable('SECRET')
      if (!token || secret === undefined) {
        throw new StatusError(401, 'You must specify both token and secret to validate a token.')
      }
      return jsonAnswer({ valid: tokens.validate(token.alias, secret)?.login ?? null })
    }
    case 'invalidate':
      if (token) tokens.invalidate(token.alias)
      return stringAnswer('{"result": "OK"}', MEDIA.json)
    default:
      throw new StatusError(400, `Unknown operation: ${operation}`)
  }
}
