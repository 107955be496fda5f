import type { RestCalls } from './rest-calls.js'
import { cell, numberCell } from './rows.js'

/** A file that a user keeps at the server, on its way into the archive. */
export interface CachedFile {
  /** Below its folder, as it was meant; as it is stored where no URL says that. */
  readonly path: string
  /** Undefined where no URL names it. */
  readonly url: string | undefined
  readonly sizeBytes: number | undefined
}

/** The part of REST that is about the folders of files that each user has. @throws XnatError from every method */
export class UserCacheClient {
  readonly #rest: RestCalls

  constructor(rest: RestCalls) {
    this.#rest = rest
  }

  /** The names of the folders, as they were meant. */
  async resources(signal?: AbortSignal): Promise<string[]> {
    const rows = await this.#rest.rows(cachePath, {}, signal)
    return rows.flatMap((row) => {
      const name = cell(row, 'Resource')
      return name === undefined ? [] : [meant(name) ?? name]
    })
  }

  async files(resource: string, signal?: AbortSignal): Promise<CachedFile[]> {
    const rows = await this.#rest.rows(`${cachedResourcePath(resource)}/files`, {}, signal)
    return rows.flatMap((row) => {
      const name = cell(row, 'Name')
      if (name === undefined) return []
      const parts = name.split('/').map(meant)
      const isNamed = parts.every((part) => part !== undefined)
      const path = isNamed ? parts.join('/') : name
      const url = isNamed ? cachedFilePath(resource, path) : undefined
      return [{ path, url, sizeBytes: numberCell(row, 'Size') }]
    })
  }

  async makeResource(resource: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('PUT', cachedResourcePath(resource), signal)
  }

  /** With all that is in it. */
  async removeResource(resource: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', cachedResourcePath(resource), signal)
  }

  /** Of a folder with all that is in it. */
  async removeFile(resource: string, path: string, signal?: AbortSignal): Promise<void> {
    await this.#rest.command('DELETE', cachedFilePath(resource, path), signal)
  }
}

export const cachePath = '/data/user/cache/resources'

export function cachedResourcePath(resource: string): string {
  return `${cachePath}/${kept(resource)}`
}

export function cachedFilePath(resource: string, path: string): string {
  return `${cachedResourcePath(resource)}/files/${path.split('/').map(kept).join('/')}`
}

/** XNAT decodes nothing here, takes commas for separators and escapes quotes: what is kept is what the URL spells. */
export function kept(name: string): string {
  return encodeURIComponent(name).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The name that is kept like this; undefined where none is. */
function meant(stored: string): string | undefined {
  try {
    const name = decodeURIComponent(stored)
    return kept(name) === stored ? name : undefined
  } catch {
    return undefined
  }
}
