import { readFile } from 'node:fs/promises'
import { EMPTY_OK, StatusError, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, canReadData } from '../store/access.js'
import { sqlTimestamp } from '../store/catalog.js'
import type { Setting, SettingVersion } from '../store/model.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import { uploadedFiles } from './upload-body.js'

const VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]
const COLUMNS = [
  'tool',
  'path',
  'project',
  'user',
  'create_date',
  'reason',
  'contents',
  'unversioned',
  'version',
  'status',
]

/** What a URL of the settings names: the site's or a project's, of one tool, at a path. */
interface Named {
  readonly project: string | null
  readonly tool: string | undefined
  readonly path: string | undefined
}

/** `/config[/{TOOL}[/{PATH…}]]`, `/projects/{P}/config[/…]`: ConfigResource (xnat-wire.md §11.2). */
export function settings(context: RestContext): RestResource {
  const named = namedBy(context)
  return {
    variants: VARIANTS,
    get: (mediaType) => represent(context, named, mediaType),
    put: () => put(context, named),
    delete: () => disable(context, named),
  }
}

function namedBy(context: RestContext): Named {
  // Nothing of them is decoded or escaped.
  const project = context.variable('PROJECT_ID') ?? null
  const tool = context.variable('TOOL_NAME')
  const first = context.variable('PATH_TO_FILE')
  const rest = context.remaining === '' ? '' : `/${context.remaining}`
  const path = first === undefined ? undefined : `${first}${rest}`
  // The scripts of anonymization are kept under a path that begins with a slash.
  const isScript = tool === 'anon' && project !== null && path === `projects/${project}`
  return { project, tool, path: isScript ? `/${path}` : path }
}

function represent(context: RestContext, named: Named, mediaType: string): Answer {
  const { database } = context.services
  const { project, tool, path } = named
  if (project !== null) {
    const known = database.project(project)
    if (!known) throw new StatusError(404, `The requested project ${project} does not exist.`)
    if (!canReadData(known, context.user))
      throw new StatusError(403, `User ${context.user.login} can not access project ${project}`)
  }
  const own = database.settings.filter((setting) => setting.project === project)
  if (tool === undefined) {
    const rows = [...new Set(own.map((setting) => setting.tool))].map((name): Cell[] => [name])
    return rows.length > 0
      ? tableAnswer(context, { columns: ['tool'], rows }, mediaType, {})
      : absent(context)
  }
  const { query } = context
  const found = own
    .filter((setting) => setting.tool === tool && (path === undefined || setting.path === path))
    .flatMap((setting) => (path === undefined ? [setting] : versionsOf(setting, query)))
  const isHistory = path !== undefined && asksForHistory(query)
  if (path !== undefined && !isHistory && query.isTrue('contents') && !query.isTrue('meta')) {
    const [setting] = found
    return setting?.status === 'enabled' ? stringAnswer(setting.contents) : absent(context)
  }
  if (found.length === 0) return absent(context)
  const isBare = path !== undefined && !isHistory && query.isTrue('meta') && !query.isTrue('contents')
  const rows = found.map((setting) => rowOf(setting, isBare))
  return tableAnswer(context, { columns: COLUMNS, rows }, mediaType, {})
}

function asksForHistory(query: RestContext['query']): boolean {
  return query.get('action')?.toLowerCase() === 'gethistory'
}

/** As it is; with `action=getHistory` as it was before, too; with `version=N` as it was then. */
function versionsOf(setting: Setting, query: RestContext['query']): Setting[] {
  const all = [...(setting.earlier ?? []).map((version) => ({ ...setting, ...version })), setting]
  if (asksForHistory(query)) return all
  const wanted = query.get('version') ?? ''
  // What is no number is not looked at.
  if (!/^[+-]?\d+$/.test(wanted)) return [setting]
  return all.filter(({ version }) => version === Number(wanted))
}

function absent({ query }: RestContext): Answer {
  if (query.isTrue('accept-not-found')) return { status: 204 }
  throw new StatusError(404, "Couldn't find config")
}

function rowOf(setting: Setting, isBare: boolean): Cell[] {
  const { tool, path, project, user, createdMs, contents, version, status } = setting
  const created = sqlTimestamp(createdMs)
  return [
    tool,
    path,
    project,
    user,
    created,
    null,
    isBare ? null : contents,
    'false',
    String(version),
    status,
  ]
}

function requireRight({ services, user }: RestContext, { project }: Named): void {
  const mayEdit = project !== null && canDeleteIn(services.database.project(project), user)
  if (!mayEdit && user.siteRole !== 'admin')
    throw new StatusError(403, 'User does not have privileges to modify config for this project')
}

async function put(context: RestContext, named: Named): Promise<Answer> {
  requireRight(context, named)
  const { database, now } = context.services
  const { status, contents } = await given(context)
  if (status === undefined && contents === undefined)
    throw new StatusError(
      400,
      'You must specify either the status querystring parameter or a configuration object in the request body.',
    )
  if (status !== undefined && !/^(enabled|true|disabled|false)$/i.test(status))
    throw new StatusError(
      400,
      `Only valid values for the status flag are enabled or true and disabled or false: ${status}`,
    )
  const word = status === undefined || /^(enabled|true)$/i.test(status) ? 'enabled' : 'disabled'
  const known = find(context, named)
  if (contents === undefined) {
    if (known) known.status = word
    await database.commit()
    return EMPTY_OK
  }
  if (contents.trim() === '') throw new StatusError(500, 'No contents provided')
  const { project, tool, path } = named
  if (tool === undefined || path === undefined) throw new StatusError(500, 'No tool or path')
  const made = { createdMs: now(), user: context.user.login, contents, status: word } as const
  if (known) {
    const before: SettingVersion = {
      user: known.user,
      createdMs: known.createdMs,
      contents: known.contents,
      version: known.version,
      status: known.status,
    }
    const earlier = [...(known.earlier ?? []), before]
    Object.assign(known, made, { version: known.version + 1, earlier })
  } else database.settings.push({ tool, path, project, version: 1, ...made })
  await database.commit()
  return known ? EMPTY_OK : { status: 201 }
}

/** A text as the body, or a JSON object with `contents` and `status`; the status is a parameter otherwise. */
async function given(context: RestContext): Promise<{ status?: string; contents?: string }> {
  const status = context.query.get('status')
  const { exchange } = context
  if (exchange.bodyType === MEDIA.json) {
    return JSON.parse(await exchange.bodyText()) as { status?: string; contents?: string }
  }
  if (exchange.bodySize <= 0) return status === undefined ? {} : { status }
  const files = (await uploadedFiles(context)) ?? []
  const [file, ...others] = files
  if (!file) throw new StatusError(400, 'No body contents.')
  try {
    if (others.length > 0) throw new StatusError(400, 'Config contents are limited to a single file')
    const contents = await readFile(await file.spooled(), 'utf8')
    return { contents, ...(status !== undefined && { status }) }
  } finally {
    for (const each of files) await each.discard()
  }
}

function find({ services }: RestContext, { project, tool, path }: Named): Setting | undefined {
  return services.database.settings.find(
    (setting) => setting.project === project && setting.tool === tool && setting.path === path,
  )
}

/** Nothing is deleted: it is not found by its contents until it is set again. */
async function disable(context: RestContext, named: Named): Promise<Answer> {
  requireRight(context, named)
  const known = find(context, named)
  if (known) known.status = 'disabled'
  await context.services.database.commit()
  return EMPTY_OK
}
