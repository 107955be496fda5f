import { join } from 'node:path'
import { StatusError } from '../http/answer.js'
import type { OpenCatalog } from '../store/catalog-store.js'

/** Files that XNAT never catalogs (XNAT_CATALOGABLE_FILE_FILTER). */
export function isCatalogable(name: string): boolean {
  return !name.endsWith('_catalog.xml') && !name.startsWith('.~lock-')
}

/** A path below the resource. The original would follow `..` out of it; this server does not. */
export function targetPath(opened: OpenCatalog, path: string): string {
  const target = join(opened.directory, path).replace(/\/+$/, '')
  if (!target.startsWith(`${opened.directory}/`)) throw new StatusError(500, `Invalid path: ${path}`)
  return target
}
