import { canReadScan } from '../store/access.js'
import type { Reconstruction, Scan } from '../store/model.js'
import { postReconstruction, postScan } from './list-post.js'
import { LIST_VARIANTS, counted } from './list-table.js'
import { reconstructionValue, scanValue } from './list-values.js'
import { QueryOrganizer, type ListDefinition } from './query-organizer.js'
import type { RestContext, RestResource } from './resource.js'
import { requireSession } from './session-lookup.js'

/** `…/scans`: ScanList. Here too the filters are lost. */
export function scanList(context: RestContext): RestResource {
  const { services, user } = context
  const session = requireSession(context)
  const definition: ListDefinition<Scan> = {
    shortcuts: 'scan',
    defaultElement: 'xnat:imageScanData',
    defaultColumns: () => [
      'xnat_imagescandata_id',
      'ID',
      'type',
      'quality',
      'xsiType',
      'note',
      'series_description',
    ],
    // The ID is not percent-encoded.
    uriPrefix: `/data/experiments/${session.id}/scans/`,
    idOf: (scan) => scan.id,
    typeOf: (scan) => scan.xsiType,
    valueAt: (scan, path) => scanValue(session, scan, path),
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const organizer = new QueryOrganizer(context, definition)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const readable = session.scans.filter((scan) => canReadScan(services.database, session, scan, user))
      const table = organizer.table(organizer.select(readable, false))
      return counted(context, table, mediaType, false)
    },
    post: () => postScan(context, session),
  }
}

/** `…/reconstructions`: ReconList. */
export function reconstructionList(context: RestContext): RestResource {
  const session = requireSession(context)
  const definition: ListDefinition<Reconstruction> = {
    shortcuts: 'reconstruction',
    defaultElement: 'xnat:reconstructedImageData',
    defaultColumns: () => ['xnat_reconstructedimagedata_id', 'ID', 'type', 'baseScanType'],
    uriPrefix: `/data/experiments/${session.id}/reconstructions/`,
    idOf: (item) => item.id,
    typeOf: () => 'xnat:reconstructedImageData',
    valueAt: (item, path) => reconstructionValue(session, item, path),
  }
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const organizer = new QueryOrganizer(context, definition)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const table = organizer.table(organizer.select(session.reconstructions, false))
      return counted(context, table, mediaType, false)
    },
    post: () => postReconstruction(context, session),
  }
}
