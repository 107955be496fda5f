import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { ArchiveBuilder, ResourceSpec, SourceFile } from '../data/archive-builder.js'
import { codeOf } from '../unknown.js'
import type { ResourceParent } from '../store/layout.js'
import type { Resource } from '../store/model.js'
import { CatalogEdit } from './catalog-edit.js'
import { resourcesOf } from './catalog-rows.js'
import type { RestContext } from './resource.js'
import { applyStats } from './resource-stats.js'
import { targetPath } from './stored-paths.js'

/** Files that go into one resource of a session, which may be there and have files of these names. */
export interface Addition {
  readonly parent: ResourceParent
  readonly spec: ResourceSpec
  readonly files: readonly SourceFile[]
}

function existing({ parent, spec }: Addition): Resource | undefined {
  return resourcesOf(parent).find((resource) => resource.label === spec.label)
}

/** Paths at which something else lies already. */
export async function conflictsOf(
  context: RestContext,
  project: string,
  addition: Addition,
): Promise<string[]> {
  const resource = existing(addition)
  if (!resource) return []
  const opened = await context.services.catalogs.open(resource, project)
  const conflicts: string[] = []
  for (const file of addition.files) {
    const there = await stateOf(targetPath(opened, file.path), file)
    if (there === 'other') conflicts.push(`${addition.spec.label}/${file.path}`)
  }
  return conflicts
}

/** Adds to a resource, or makes it; what lies there under the same name is replaced. */
export async function add(
  context: RestContext,
  builder: ArchiveBuilder,
  project: string,
  addition: Addition,
): Promise<void> {
  const resource = existing(addition)
  if (!resource) {
    await builder.resource(addition.parent, addition.spec, addition.files)
    return
  }
  const { catalogs, database, now } = context.services
  const opened = await catalogs.open(resource, project)
  const event = { login: context.user.login, nowMs: now(), eventId: database.nextNumber('event') }
  const edit = new CatalogEdit(opened.catalog, event, { ...addition.spec, tags: [] })
  for (const file of addition.files) {
    const target = targetPath(opened, file.path)
    if ((await stateOf(target, file)) !== 'same') {
      await mkdir(dirname(target), { recursive: true })
      await (typeof file.from === 'string' ? copyFile(file.from, target) : writeFile(target, file.from))
    } else if (edit.has(file.path)) continue
    edit.put({ path: file.path, size: (await stat(target)).size, md5: await md5Of(target) })
  }
  applyStats(resource, await catalogs.write(opened, edit.result))
  resource.meta.lastModifiedMs = now()
}

async function stateOf(target: string, file: SourceFile): Promise<'missing' | 'same' | 'other'> {
  const there = await stat(target).catch((error: unknown) =>
    codeOf(error) === 'ENOENT' ? undefined : 'other',
  )
  if (there === undefined) return 'missing'
  if (there === 'other' || !there.isFile()) return 'other'
  return (await md5Of(target)) === (await md5Of(file.from)) ? 'same' : 'other'
}

async function md5Of(source: string | Buffer): Promise<string> {
  const bytes = typeof source === 'string' ? await readFile(source) : source
  return createHash('md5').update(bytes).digest('hex')
}
