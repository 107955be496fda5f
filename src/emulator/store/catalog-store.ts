import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import { auditSummary, parseCatalogXml, writeCatalogXml } from './catalog-xml.js'
import { EMPTY_CATALOG, allEntries, withMetaField, type Catalog, type CatalogEntry } from './catalog.js'
import type { Resource } from './model.js'

/** A catalog that cannot be had: corrupt, or its folder cannot be written. Real servers say 404 or 500. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError'
}

/** Somebody else wrote the catalog between this writer's read and write (xnat-wire.md §5). */
export class ConcurrentModification extends Error {
  override readonly name = 'ConcurrentModification'

  constructor(path: string) {
    super(
      `Another thread or process modified ${path} since I last read it or I don't have a previous checksum to ` +
        "compare. To avoid overwriting changes, I'm throwing an exception.",
    )
  }
}

/** A catalog as one request read it; `checksum` is what the file must still have when it is written. */
export class OpenCatalog {
  readonly path: string
  readonly directory: string
  readonly catalog: Catalog
  readonly checksum: string
  #byUri: Map<string, CatalogEntry> | undefined
  #byId: Map<string, CatalogEntry> | undefined

  constructor(path: string, catalog: Catalog, checksum: string) {
    this.path = path
    this.directory = dirname(path)
    this.catalog = catalog
    this.checksum = checksum
  }

  get entries(): readonly CatalogEntry[] {
    return allEntries(this.catalog)
  }

  byUri(uri: string): CatalogEntry | undefined {
    this.#byUri ??= firstWins(this.entries, (entry) => entry.uri)
    return this.#byUri.get(uri)
  }

  byId(id: string): CatalogEntry | undefined {
    this.#byId ??= firstWins(this.entries, (entry) => entry.id)
    return this.#byId.get(id)
  }
}

function firstWins(
  entries: readonly CatalogEntry[],
  key: (entry: CatalogEntry) => string | undefined,
): Map<string, CatalogEntry> {
  const map = new Map<string, CatalogEntry>()
  for (const entry of entries) {
    const value = key(entry)
    if (value !== undefined && !map.has(value)) map.set(value, entry)
  }
  return map
}

/** How many catalog entries stay parsed in memory. */
const CACHED_ENTRIES = 300_000

/**
 * Reads and writes catalog files. A request sees the file as it is now: the parsed form is kept only as long as
 * file, size and modification time say that it is the same.
 */
export class CatalogStore {
  readonly #root: string
  readonly #cache = new LRUCache<string, { readonly signature: string; readonly open: OpenCatalog }>({
    maxSize: CACHED_ENTRIES,
    sizeCalculation: (value) => value.open.catalog.entries.length + 1,
  })
  /** The tail of the queue of writers of each catalog. */
  readonly #writers = new Map<string, Promise<unknown>>()

  constructor(archiveRoot: string) {
    this.#root = archiveRoot
  }

  path(resource: Resource): string {
    return join(this.#root, resource.uri)
  }

  /** Opens a resource's catalog; a missing one is created empty, as XNAT does on a mere GET (§8). */
  async open(resource: Resource, project: string): Promise<OpenCatalog> {
    const path = this.path(resource)
    const existing = await this.#load(path)
    if (existing) return existing
    if (await unzipped(path)) return this.open(resource, project)
    const id = resource.label ?? basename(this.path(resource)).replace(/_catalog\.xml$/, '')
    return this.create(path, { ...EMPTY_CATALOG, id }, project)
  }

  /** Writes a new catalog, or answers the one that is there. */
  async create(path: string, catalog: Catalog, project: string): Promise<OpenCatalog> {
    try {
      await mkdir(dirname(path), { recursive: true })
    } catch (error) {
      throw new CatalogError(`Failed to create required directory: ${dirname(path)}`, { cause: error })
    }
    const existing = await this.#load(path)
    if (existing) return existing
    const metaFields = withMetaField(catalog.metaFields, 'PROJECT', project)
    return this.#store(path, { ...catalog, metaFields })
  }

  /** Replaces the content of a catalog that was opened before; fails if it changed meanwhile. */
  async write(opened: OpenCatalog, catalog: Catalog): Promise<OpenCatalog> {
    return this.#exclusively(opened.path, async () => {
      const current = await this.#load(opened.path)
      if (current && current.checksum !== opened.checksum) throw new ConcurrentModification(opened.path)
      return this.#store(opened.path, catalog)
    })
  }

  async #load(path: string): Promise<OpenCatalog | undefined> {
    let signature: string
    try {
      const info = await stat(path, { bigint: true })
      signature = `${info.ino}:${info.size}:${info.mtimeNs}`
    } catch {
      return undefined
    }
    const cached = this.#cache.get(path)
    if (cached?.signature === signature) return cached.open
    const bytes = await readFile(path)
    let catalog: Catalog
    try {
      catalog = bytes.length === 0 ? EMPTY_CATALOG : parseCatalogXml(bytes.toString('utf8'))
    } catch (error) {
      throw new CatalogError(`No catalog bean stored in ${path}`, { cause: error })
    }
    const open = new OpenCatalog(path, catalog, checksum(bytes))
    this.#cache.set(path, { signature, open })
    return open
  }

  async #store(path: string, catalog: Catalog): Promise<OpenCatalog> {
    const audited = {
      ...catalog,
      metaFields: withMetaField(catalog.metaFields, 'AUDIT', auditSummary(catalog)),
    }
    const bytes = Buffer.from(writeCatalogXml(audited), 'utf8')
    // Not in place: a reader, or a kill, must never meet half a catalog. XNAT holds a lock for the same purpose.
    const temporary = `${path}.new`
    await writeFile(temporary, bytes)
    await rename(temporary, path)
    const open = new OpenCatalog(path, audited, checksum(bytes))
    const info = await stat(path, { bigint: true })
    this.#cache.set(path, { signature: `${info.ino}:${info.size}:${info.mtimeNs}`, open })
    return open
  }

  async #exclusively<T>(path: string, task: () => Promise<T>): Promise<T> {
    const before = this.#writers.get(path) ?? Promise.resolve()
    const run = before.then(task, task)
    const settled = run.catch(() => undefined)
    this.#writers.set(path, settled)
    try {
      return await run
    } finally {
      if (this.#writers.get(path) === settled) this.#writers.delete(path)
    }
  }
}

function checksum(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** A catalog that was gzipped in place is unzipped on access. */
async function unzipped(path: string): Promise<boolean> {
  try {
    const bytes = await readFile(`${path}.gz`)
    await writeFile(path, await promisify(gunzip)(bytes))
    return true
  } catch {
    return false
  }
}
