import { StatusError, outputAnswer, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { escapeXml } from '../http/text.js'
import { canReadProject } from '../store/access.js'
import { javaDate } from '../store/catalog.js'
import type { Share } from '../store/model.js'
import type { ItemNode } from './item-tree.js'
import { itemXml } from './item-xml.js'
import { writeJson, type JsonValue } from './json.js'
import type { RestContext } from './resource.js'
import { tableAnswer, type Cell } from './table.js'

/** Items offer HTML and XML only; JSON is to be had by `?format=json` alone (xnat-wire.md §2.6). */
export const ITEM_VARIANTS: readonly string[] = [MEDIA.html, MEDIA.xml]

/** An item in the form asked for: HTML and JSON by name, anything else is XML. */
export function itemAnswer(context: RestContext, item: ItemNode, mediaType: string): Answer {
  const handler = context.query.get('handler')
  if (handler !== undefined) throw new StatusError(400, `Invalid handler definition: ${handler}`)
  if (mediaType === MEDIA.html) return outputAnswer(itemHtml(item), MEDIA.html)
  if (mediaType === MEDIA.json) return outputAnswer(writeJson({ items: [jsonOf(item)] }), MEDIA.json)
  return outputAnswer(itemXml(item, context.exchange.baseUrl), MEDIA.xml)
}

function jsonOf(item: ItemNode): JsonValue {
  const meta: Record<string, JsonValue> = { isHistory: false }
  if (item.meta) {
    meta['create_event_id'] = item.meta.eventId
    meta['start_date'] = javaDate(item.meta.lastModifiedMs ?? item.meta.insertDateMs)
  }
  meta['xsi:type'] = item.xsiType
  const children = item.children.map(({ field, items }) => ({ field, items: items.map(jsonOf) }))
  return { meta, data_fields: item.fields, children }
}

function itemHtml(item: ItemNode): string {
  const title = escapeXml(String(item.fields['label'] ?? item.fields['name'] ?? item.fields['ID'] ?? ''))
  const rows = Object.entries(item.fields).map(
    ([name, value]) => `<tr><th>${escapeXml(name)}</th><td>${escapeXml(String(value))}</td></tr>\n`,
  )
  return (
    // Clients take what begins with a DOCTYPE for a page in the place of an answer.
    '<!-- BEGIN xnat-templates/layouts/Default.vm -->\n<html>\n' +
    `<head><title>XNAT</title></head>\n<body>\n<div class="edit_header1">${title}</div>\n` +
    `<table>\n${rows.join('')}</table>\n</body>\n</html>\n`
  )
}

/** `…/status` of an item: `active`, or what it was set to. */
export function statusAnswer(status: string, mediaType: string): Answer {
  return stringAnswer(status, mediaType)
}

interface SharedItem {
  readonly label: string
  readonly project: string
  readonly shares: readonly Share[]
}

/** `…/projects` of an item: the owning project first, then those it is shared into (§2.2). */
export function itemProjects(context: RestContext, item: SharedItem, mediaType: string): Answer {
  const { database } = context.services
  const own: Share = { project: item.project, label: item.label }
  const rows: Cell[][] = [own, ...item.shares].flatMap(({ project: id, label }) => {
    const project = database.project(id)
    if (!project || (id !== item.project && !canReadProject(project, context.user))) return []
    return [[label ?? item.label, project.id, project.secondaryId, project.name]]
  })
  const table = { columns: ['label', 'ID', 'Secondary_ID', 'Name'], rows }
  return tableAnswer(context, table, mediaType, { totalRecords: rows.length })
}
