import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { OpenCatalog } from '../store/catalog-store.js'
import { EMPTY_CATALOG } from '../store/catalog.js'
import { folderName } from '../store/layout.js'
import type { PrearchiveScan, PrearchiveSession } from '../store/model.js'
import { archiveAnswer } from './archive-stream.js'
import { findEntry } from './file-rows.js'
import { fileAnswer } from './file-single.js'
import { LIST_VARIANTS, findPrearchived, membersBelow, prearchivedFolder } from './prearchive.js'
import { resourceStats, storedFile } from './resource-stats.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'

/** `…/scans` of a prearchived session. */
export function prearchivedScans(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const rows = findPrearchived(context).scans.map(({ id, xsiType, seriesDescription }) => [
        id,
        xsiType,
        seriesDescription,
      ])
      return tableAnswer(context, { columns: ['ID', 'xsiType', 'series_description'], rows }, mediaType, {})
    },
  }
}

interface FoundScan {
  readonly session: PrearchiveSession
  readonly scan: PrearchiveScan
}

function findScan(context: RestContext): FoundScan {
  const session = findPrearchived(context)
  const scan = session.scans.find(({ id }) => id === context.variable('SCAN_ID'))
  if (!scan) throw new StatusError(404)
  return { session, scan }
}

async function openCatalog(
  context: RestContext,
  { session, scan }: FoundScan,
  label: string,
): Promise<OpenCatalog> {
  const { catalogs, prearchiveRoot } = context.services
  const folder = join(
    prearchivedFolder(prearchiveRoot, session),
    'SCANS',
    folderName(scan.id),
    folderName(label),
  )
  const path = join(folder, `scan_${folderName(scan.id)}_catalog.xml`)
  return catalogs.create(path, { ...EMPTY_CATALOG, id: label }, session.project ?? '')
}

/** `…/scans/{ID}` of a prearchived session: PrearcScanResource, which gives a zip and nothing else. */
export function prearchivedScan(context: RestContext): RestResource {
  const folderOf = ({ session, scan }: FoundScan): string =>
    join(prearchivedFolder(context.services.prearchiveRoot, session), 'SCANS', folderName(scan.id))
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      if (mediaType !== MEDIA.zip && mediaType !== 'application/x-gzip')
        throw new StatusError(400, `Requested type ${mediaType} is not supported`)
      const found = findScan(context)
      return archiveAnswer(context, MEDIA.zip, found.scan.id, membersBelow(folderOf(found), found.scan.id))
    },
    delete: async () => {
      const found = findScan(context)
      const { session, scan } = found
      session.scans.splice(session.scans.indexOf(scan), 1)
      await context.services.database.commit()
      await rm(folderOf(found), { recursive: true, force: true })
      return EMPTY_OK
    },
  }
}

/** `…/scans/{ID}/resources` of a prearchived session. */
export function prearchivedScanResources(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: async (mediaType) => {
      const found = findScan(context)
      const rows: Cell[][] = []
      for (const label of found.scan.resources) {
        const { count, size } = resourceStats(await openCatalog(context, found, label))
        rows.push([label, count, size])
      }
      return tableAnswer(context, { columns: ['label', 'file_count', 'file_size'], rows }, mediaType, {})
    },
  }
}

async function openOwnCatalog(
  { services }: RestContext,
  session: PrearchiveSession,
  label: string,
): Promise<OpenCatalog> {
  const { catalogs, prearchiveRoot } = services
  const folder = ownFolder(prearchiveRoot, session, label)
  const path = join(folder, `${folderName(label)}_catalog.xml`)
  return catalogs.create(path, { ...EMPTY_CATALOG, id: label }, session.project ?? '')
}

function ownFolder(root: string, session: PrearchiveSession, label: string): string {
  return join(prearchivedFolder(root, session), 'RESOURCES', folderName(label))
}

/** `…/resources` of a prearchived session: those of all its scans, and its own, which have no number yet. */
export function prearchivedResources(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: async (mediaType) => {
      const session = findPrearchived(context)
      const rows: Cell[][] = []
      for (const scan of session.scans) {
        for (const label of scan.resources) {
          const { count, size } = resourceStats(await openCatalog(context, { session, scan }, label))
          rows.push(['scans', scan.id, label, count, size])
        }
      }
      for (const label of session.resources ?? []) {
        const { count, size } = resourceStats(await openOwnCatalog(context, session, label))
        rows.push(['resources', null, label, count, size])
      }
      const columns = ['category', 'cat_id', 'label', 'file_count', 'file_size']
      return tableAnswer(context, { columns, rows }, mediaType, {})
    },
  }
}

/** `…/resources/{R}` of a prearchived session: a zip and nothing else. */
export function prearchivedResource(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      if (mediaType !== MEDIA.zip && mediaType !== 'application/x-gzip')
        throw new StatusError(400, `Requested type ${mediaType} is not supported`)
      const session = findPrearchived(context)
      const label = context.variable('RESOURCE_ID')!
      const folder = ownFolder(context.services.prearchiveRoot, session, label)
      return archiveAnswer(context, MEDIA.zip, label, membersBelow(folder, label))
    },
  }
}

/** `…/resources/{R}/files[/path]` of a prearchived session. */
export function prearchivedOwnFiles(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: async (mediaType) => {
      const session = findPrearchived(context)
      const label = context.variable('RESOURCE_ID')!
      if (!session.resources?.includes(label)) throw new StatusError(404)
      return filesAnswer(context, await openOwnCatalog(context, session, label), mediaType, 404)
    },
  }
}

/** The path without escapes, as a servlet has it: in URI columns the prearchive's names are not percent-encoded. */
function pathInfo({ exchange }: RestContext): string {
  const path = exchange.path.replace(/^\/(?:data|REST)/, '').replace(/\/$/, '')
  return `/data${decodeURIComponent(path)}`
}

/** `…/scans/{ID}/resources/{R}/files[/path]` of a prearchived session. */
export function prearchivedFiles(context: RestContext): RestResource {
  return {
    variants: LIST_VARIANTS,
    get: async (mediaType) => {
      const found = findScan(context)
      const label = context.variable('RESOURCE_ID')!
      if (!found.scan.resources.includes(label)) throw new StatusError(404)
      return filesAnswer(context, await openCatalog(context, found, label), mediaType, 400)
    },
  }
}

function filesAnswer(context: RestContext, opened: OpenCatalog, mediaType: string, missing: number): Answer {
  if (context.filePath !== '') {
    const entry = findEntry(opened, context.filePath)
    const file = entry && storedFile(opened, entry)
    if (!file) throw new StatusError(missing, `Unable to access the file at: ${context.filePath}`)
    return fileAnswer(file)
  }
  const base = pathInfo(context)
  const rows = opened.entries.flatMap((entry): Cell[][] => {
    const file = storedFile(opened, entry)
    return file ? [[file.path.slice(file.path.lastIndexOf('/') + 1), file.size, `${base}/${entry.uri}`]] : []
  })
  return tableAnswer(context, { columns: ['Name', 'Size', 'URI'], rows }, mediaType, {})
}
