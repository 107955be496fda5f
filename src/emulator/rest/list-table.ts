import type { Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { Experiment, Subject } from '../store/model.js'
import { pageOf } from './query-organizer.js'
import type { RestContext } from './resource.js'
import { tableAnswer, type Cell, type Table } from './table.js'

export const LIST_VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

/** A table with its number of rows, which a page does not tell (§2.1). */
export function counted(context: RestContext, table: Table, mediaType: string, paged: boolean): Answer {
  return tableAnswer(context, table, mediaType, paged ? {} : { totalRecords: table.rows.length })
}

/** Cuts a page out before permissions are looked at, so that a page may be short (§2.1). */
export function paged<T>(
  context: RestContext,
  items: readonly T[],
): { items: readonly T[]; isPage: boolean } {
  const page = pageOf(context)
  if (!page) return { items, isPage: false }
  return { items: items.slice(page.offset, page.offset + page.limit), isPage: true }
}

/** Overwrites cells of a column. */
export function relabel(table: Table, column: string, valueOf: (index: number) => Cell | undefined): void {
  const position = table.columns.indexOf(column)
  if (position < 0) return
  for (const [index, row] of table.rows.entries()) row[position] = valueOf(index) || row[position]!
}

/** The label an item is shared under, if it has one there. */
export function shareLabel(item: Subject | Experiment, projectId: string): string | undefined {
  return item.shares.find((share) => share.project === projectId)?.label ?? undefined
}
