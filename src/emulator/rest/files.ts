import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA, isArchiveType } from '../http/media.js'
import { urlDecode } from '../http/text.js'
import { canReadProject } from '../store/access.js'
import type { FoundResource } from './catalog-rows.js'
import { deleteFiles } from './file-delete.js'
import { multipleCatalogs } from './file-multiple.js'
import { storeFiles } from './file-put.js'
import { singleCatalog } from './file-single.js'
import type { FilesRequest } from './files-request.js'
import { ResourceSelection } from './resource-selection.js'
import type { RestContext, RestResource } from './resource.js'

/** `…/files[/path]`: FileList. */
export function files(context: RestContext): RestResource {
  const selection = new ResourceSelection(context, context.query.isTrue('all'))
  const request: FilesRequest = {
    context,
    selection,
    resources: readableResources(context, selection),
    filePath: decodeFilePath(context.remaining),
    acceptNotFound: context.query.isTrue('accept-not-found'),
  }
  const write = (): Promise<Answer> => storeFiles(request)
  return {
    variants: [MEDIA.json, MEDIA.html, MEDIA.xml, MEDIA.jpeg],
    get: (mediaType) => represent(request, mediaType),
    put: write,
    post: write,
    delete: () => deleteFiles(request),
  }
}

function readableResources(context: RestContext, selection: ResourceSelection): FoundResource[] {
  if (selection.project && !canReadProject(selection.project, context.user)) return []
  return selection.named()
}

/** Since 1.8.4 the whole path is decoded, but only if it holds `%20` or `%2B` in just that spelling (§3.6). */
export function decodeFilePath(raw: string): string {
  return raw.includes('%20') || raw.includes('%2B') ? urlDecode(raw) : raw
}

async function represent(request: FilesRequest, mediaType: string): Promise<Answer | undefined> {
  const { resources, selection } = request
  if (!selection.archiveProject) throw new StatusError(500)
  if (resources.length === 1 && !isArchiveType(mediaType)) {
    return singleCatalog(request, resources[0]!, mediaType)
  }
  if (resources.length > 0) return multipleCatalogs(request, resources, mediaType)
  return multipleCatalogs(request, selection.rows, mediaType)
}
