import { join } from 'node:path'
import { isAbsent } from './cache-disk.js'
import type { CacheFs } from './cache-disk.js'
import { formatDirectory, identityName, partSuffix, sumsSuffix } from './cache-layout.js'

export interface CacheEntry {
  readonly kind: 'file' | 'part' | 'listing'
  /** The directory of its server. */
  readonly server: string
  /** The bytes of a file, or the listing. */
  readonly path: string
  readonly sizeBytes: number
  /** When it was used last, as far as is noted. */
  readonly usedMs: number
}

/** What may have been left behind: by a writer that is dead, or bytes without sums, which may be on their way. */
export interface Leftover {
  readonly server: string
  readonly path: string
  /** Whose it is, where its name tells. */
  readonly writer: string | undefined
  readonly changedMs: number
}

export interface Survey {
  readonly entries: readonly CacheEntry[]
  readonly leftovers: readonly Leftover[]
}

/** Looks at everything that is in a cache directory. What goes away meanwhile is not in the answer. */
export async function survey(fs: CacheFs, root: string): Promise<Survey> {
  const entries: CacheEntry[] = []
  const leftovers: Leftover[] = []
  for (const name of await list(fs, formatDirectory(root))) {
    const server = join(formatDirectory(root), name)
    for (const folder of await list(fs, join(server, 'files'))) {
      await surveyFiles(fs, server, join(server, 'files', folder), entries, leftovers)
    }
    for (const id of await list(fs, join(server, 'parts'))) {
      await surveyFiles(fs, server, join(server, 'parts', id), entries, leftovers)
    }
    for (const user of await list(fs, join(server, 'users'))) {
      const listings = join(server, 'users', user, 'listings')
      for (const file of await list(fs, listings)) {
        const facts = await factsOf(fs, join(listings, file))
        if (facts) entries.push({ kind: 'listing', server, path: join(listings, file), ...facts })
      }
    }
    for (const file of await list(fs, join(server, 'leases'))) {
      const path = join(server, 'leases', file)
      const facts = await factsOf(fs, path)
      if (facts) leftovers.push({ server, path, writer: undefined, changedMs: facts.usedMs })
    }
    for (const folder of ['tmp', 'writers']) {
      for (const file of await list(fs, join(server, folder))) {
        const writer = file.split('-')[0]
        leftovers.push({ server, path: join(server, folder, file), writer, changedMs: 0 })
      }
    }
  }
  return { entries, leftovers }
}

async function surveyFiles(
  fs: CacheFs,
  server: string,
  directory: string,
  entries: CacheEntry[],
  leftovers: Leftover[],
): Promise<void> {
  const names = await list(fs, directory)
  const all = new Set(names)
  for (const name of names) {
    const path = join(directory, name)
    const facts = await factsOf(fs, path)
    if (!facts) continue
    if (name.endsWith(sumsSuffix)) {
      const bytes = name.slice(0, -sumsSuffix.length)
      if (all.has(bytes) || all.has(bytes + partSuffix)) continue
      leftovers.push({ server, path, writer: undefined, changedMs: facts.usedMs })
      continue
    }
    const sums = await factsOf(fs, sumsPath(path))
    const isPart = name.endsWith(partSuffix)
    if (!sums) leftovers.push({ server, path, writer: undefined, changedMs: facts.usedMs })
    else {
      const sizeBytes = facts.sizeBytes + sums.sizeBytes
      entries.push({ kind: isPart ? 'part' : 'file', server, path, sizeBytes, usedMs: sums.usedMs })
    }
  }
}

/** What tells which users have logged in. */
export async function identityPaths(fs: CacheFs, root: string): Promise<string[]> {
  const paths: string[] = []
  for (const name of await list(fs, formatDirectory(root))) {
    const users = join(formatDirectory(root), name, 'users')
    for (const user of await list(fs, users)) paths.push(join(users, user, identityName))
  }
  return paths
}

/** Where the sums of an entry's bytes are. */
export function sumsPath(path: string): string {
  return path.replace(/\.part$/, '') + sumsSuffix
}

/** What a file takes of the disk: a part has holes. */
async function factsOf(
  fs: CacheFs,
  path: string,
): Promise<{ sizeBytes: number; usedMs: number } | undefined> {
  try {
    const { size, blocks, mtimeMs } = await fs.stat(path)
    const sizeBytes = path.endsWith(partSuffix) ? blocks * 512 : Math.max(size, blocks * 512)
    return { sizeBytes, usedMs: mtimeMs }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function list(fs: CacheFs, directory: string): Promise<string[]> {
  try {
    return await fs.readdir(directory)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}
