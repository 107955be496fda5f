import type { RequestRecord } from '../../src/emulator/emulator.js'
import type { RestClient } from './rest-client.js'

export interface Changes {
  PUT: number
  POST: number
  DELETE: number
}

/** The ID of each resource in a listing of resources, by its label. */
export async function resourceIds(client: RestClient, listing: string): Promise<ReadonlyMap<string, string>> {
  const { body } = await client.get(`${listing}?format=json`)
  const { ResultSet } = JSON.parse(body.toString()) as {
    ResultSet: { Result: { label: string; xnat_abstractresource_id: string }[] }
  }
  return new Map(ResultSet.Result.map((row) => [row.label, row.xnat_abstractresource_id]))
}

/**
 * What the server was asked to change in one resource: the requests of each method, by the file they name.
 * @param names what the resource is called in URIs: its label, its ID
 */
export function changesOf(
  requests: readonly RequestRecord[],
  names: readonly string[],
): Readonly<Record<string, Changes>> {
  const byFile: Record<string, Changes> = {}
  for (const { method, path } of requests) {
    if (method !== 'PUT' && method !== 'POST' && method !== 'DELETE') continue
    const [beforeQuery] = path.split('?')
    const [, resource, encodedFile] = /\/resources\/([^/]+)\/files\/(.*)$/.exec(beforeQuery!) ?? []
    if (encodedFile === undefined || !names.includes(decodeURIComponent(resource!))) continue
    const file = decodeURIComponent(encodedFile)
    byFile[file] ??= { PUT: 0, POST: 0, DELETE: 0 }
    byFile[file][method]++
  }
  return byFile
}
