import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MEDIA } from '../http/media.js'
import type { Experiment } from '../store/model.js'
import type { CatalogRow } from './catalog-rows.js'
import type { RestContext } from './resource.js'
import type { Selection } from './selection.js'

/** Names inside archives (RestFileUtils): textual replacements in URIs, with all their surprises (§4). */

/** ID of an item to the name its files are put under. */
type Tokens = ReadonlyMap<string, string>

/** FileList.getSessionMaps. */
export function sessionTokens(context: RestContext, selection: Selection): Tokens {
  const { assessed, experiments, subject, project } = selection
  const byLabel = (items: readonly Experiment[]): Tokens =>
    new Map(items.map((item) => [item.id, item.label || item.id]))
  if (assessed.length > 0) {
    const assessors = join(context.services.archiveRoot, assessed[0]!.folder, 'ASSESSORS')
    if (experiments.length > 0 && existsSync(assessors)) return byLabel(experiments)
    return new Map(assessed.map((session) => [session.id, sessionPath(context, session)]))
  }
  if (experiments.length > 0) return byLabel(experiments)
  if (subject) return new Map([[subject.id, subject.label || subject.id]])
  return new Map(project ? [[project.id, project.id]] : [])
}

function sessionPath(context: RestContext, session: Experiment): string {
  const parts: string[] = []
  if (context.query.isTrue('projectIncludedInPath')) parts.push(session.project)
  if (context.query.isTrue('subjectIncludedInPath') && session.subjectId !== null) {
    parts.push(context.services.database.subject(session.subjectId)?.label ?? session.subjectId)
  }
  return [...parts, session.label || session.id].join('/')
}

/** Scan and reconstruction IDs to `<ID>-<type>` (getReMaps). */
export function typedNames(selection: Selection): Tokens {
  const items = [...selection.scans, ...selection.reconstructions].map(({ item }) => item)
  return new Map(
    items
      .filter((item) => item.type)
      .map((item) => [item.id, `${item.id}-${item.type!.replace(/\W/g, '_')}`]),
  )
}

export function relativeTo(path: string, tokens: Tokens): string {
  let start = -1
  let last = ''
  for (const token of tokens.keys()) {
    last = token
    start = indexOfToken(path, token)
    if (start >= 0) break
  }
  for (const name of start < 0 ? tokens.values() : []) {
    last = name
    const index = path.indexOf(`/${name}/`)
    if (index < 0) continue
    start = index + 1
    break
  }
  let result = start >= 0 ? path.slice(start) : last + path
  for (const [id, name] of tokens) result = result.replaceAll(id, name)
  return result
}

function indexOfToken(path: string, token: string): number {
  const whole = path.indexOf(`/${token}/`)
  if (whole >= 0) return whole + 1
  const begins = path.indexOf(`/${token}`)
  if (begins >= 0) return begins + 1
  const ends = path.indexOf(`${token}/`)
  return ends < 0 ? -1 : path.slice(0, ends).lastIndexOf('/') + 1
}

export function replaceResourceLabel(path: string, id: number, label: string | null): string {
  return label ? path.replaceAll(`/${id}/files/`, `/${label}/files/`) : path
}

/** The default structure: label of the item, then the URI below it with readable names. */
export function defaultName(path: string, tokens: Tokens, typed: Tokens, row: CatalogRow): string {
  let name = replaceResourceLabel(relativeTo(path, tokens), row.resource.id, row.resource.label)
  for (const [id, readable] of typed) if (readable !== '') name = name.replaceAll(`/${id}/`, `/${readable}/`)
  return name
}

/** `structure=improved`: category, item, resource; tars go without the type because of their name limit. */
export function improvedName(uri: string, row: CatalogRow, mediaType: string): string {
  const parts = [row.category]
  if (row.catId && row.category !== 'resources') {
    const withType = row.catDesc && mediaType !== MEDIA.tar && mediaType !== MEDIA.tarGz
    parts.push(withType ? `${row.catId}_${row.catDesc.replace(/[/\\:*?"<>|]/g, '_')}` : row.catId)
  }
  parts.push(row.resource.label || String(row.resource.id))
  return `${parts.join('/')}/${uri.slice(uri.lastIndexOf('/files/') + '/files/'.length)}`
}
