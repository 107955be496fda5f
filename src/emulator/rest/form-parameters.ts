import { MEDIA } from '../http/media.js'
import { Query } from '../http/query.js'
import type { RestContext } from './resource.js'

/** Parameters of the query and, where there is one, of a form. */
export async function parametersOf({ exchange, query }: RestContext): Promise<readonly Query[]> {
  return exchange.bodyType === MEDIA.form ? [query, new Query(await exchange.bodyText())] : [query]
}

/** What a service takes for a parameter that is there several times: XNAT loads one set after the other. */
export function lastOf(queries: readonly Query[], name: string): string | undefined {
  return queries.map((query) => query.get(name)).findLast((value) => value !== undefined)
}
