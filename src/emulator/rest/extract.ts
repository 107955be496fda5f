import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { createGunzip } from 'node:zlib'
import { extract as tarExtract } from 'tar-stream'
import type { OpenCatalog } from '../store/catalog-store.js'
import { bytesOf } from '../unknown.js'
import type { CatalogEdit } from './catalog-edit.js'
import { isCatalogable, targetPath } from './stored-paths.js'
import { writeStream, type UploadedFile } from './upload-body.js'
import { eachMember } from './zip-reader.js'

/** Archives are known by their name only (§5). */
export function isArchiveName(name: string): boolean {
  return /\.(?:zip|tar|tgz|tar\.gz)$/i.test(name)
}

/** Unpacks an upload below the resource root and catalogs what may be cataloged; answers duplicates. */
export async function extractArchive(
  opened: OpenCatalog,
  edit: CatalogEdit,
  upload: UploadedFile,
  name: string,
  overwrite: boolean,
): Promise<string[]> {
  const duplicates: string[] = []
  const store = async (path: string, bytes: AsyncIterable<Buffer>): Promise<void> => {
    const target = targetPath(opened, path)
    if ((await stat(target).catch(() => undefined)) && !overwrite) {
      duplicates.push(path)
      for await (const chunk of bytes) void chunk
      return
    }
    await mkdir(dirname(target), { recursive: true })
    const md5 = await writeStream(target, bytes)
    if (!isCatalogable(basename(target))) return
    edit.put({ path, size: (await stat(target)).size, md5 })
  }
  const archive = await upload.spooled()
  if (/\.zip$/i.test(name)) {
    await eachMember(archive, async (member, bytes) => {
      if (!member.name.endsWith('/')) await store(cleanPath(member.name), bytes)
    })
  } else {
    await eachTarEntry(archive, /gz$/i.test(name), store)
  }
  return duplicates
}

async function eachTarEntry(
  path: string,
  gzipped: boolean,
  store: (path: string, bytes: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const entries = tarExtract()
  const source = createReadStream(path)
  source.on('error', (error) => entries.destroy(error))
  if (gzipped) {
    const gunzip = createGunzip()
    gunzip.on('error', (error) => entries.destroy(error))
    source.pipe(gunzip).pipe(entries)
  } else {
    source.pipe(entries)
  }
  for await (const entry of entries) {
    if (entry.header.type === 'file') await store(cleanPath(entry.header.name), bytesOf(entry))
    else entry.resume()
  }
}

function cleanPath(name: string): string {
  return name.replaceAll('\\', '/').replace(/^(?:\.?\/)+/, '')
}
