import { emptyNotFound, type Answer } from '../http/answer.js'
import type { FoundResource } from './catalog-rows.js'
import type { ResourceSelection } from './resource-selection.js'
import type { RestContext } from './resource.js'

/** One request to a files route. */
export interface FilesRequest {
  readonly context: RestContext
  readonly selection: ResourceSelection
  /** The resources that the URL names; empty for the short-cuts without `/resources/…`. */
  readonly resources: readonly FoundResource[]
  /** The path below `files/`, decoded only where XNAT decodes it. */
  readonly filePath: string
  readonly acceptNotFound: boolean
}

/** What a missing file is where XNAT answers with an empty string. */
export function fileNotFound(request: FilesRequest): Answer {
  return emptyNotFound(request.acceptNotFound)
}
