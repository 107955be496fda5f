import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { copyFile, mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import PQueue from 'p-queue'
import { resourcesOf } from '../rest/catalog-rows.js'
import { newExperiment, newProject, newReconstruction, newScan, newSubject } from '../rest/entity-factory.js'
import { CatalogStore } from '../store/catalog-store.js'
import { catalogTime, type CatalogEntry } from '../store/catalog.js'
import type { Database } from '../store/database.js'
import { catalogUri, type ResourceParent } from '../store/layout.js'
import type { Experiment, Project, Reconstruction, Resource, Scan, Subject } from '../store/model.js'
import { USERS } from '../users.js'

/** Where imported data go. */
export interface ImportTarget {
  readonly database: Database
  readonly archiveRoot: string
  readonly prearchiveRoot: string
}

export interface SourceFile {
  /** Path below the resource. */
  readonly path: string
  /** A file to copy, or the bytes themselves. */
  readonly from: string | Buffer
  /** Known already; else it is computed. */
  readonly md5?: string | undefined
  /** Of a DICOM file. */
  readonly uid?: string | undefined
  readonly instanceNumber?: string | undefined
}

export interface ResourceSpec {
  readonly label: string | null
  readonly format?: string | undefined
  readonly content?: string | undefined
  /** Series UID: makes the catalog one of DICOM files. */
  readonly seriesUid?: string | undefined
}

/** Files copied at a time. */
const PARALLEL_COPIES = 8

/** Fills an archive at first start: entities in the database, files and catalogs on disk. */
export class ArchiveBuilder {
  readonly #target: ImportTarget
  readonly #catalogs: CatalogStore
  readonly #login = USERS.admin.login

  constructor(target: ImportTarget) {
    this.#target = target
    this.#catalogs = new CatalogStore(target.archiveRoot)
  }

  get database(): Database {
    return this.#target.database
  }

  project(id: string, values: Partial<Project> = {}): Project {
    const project = { ...newProject(this.database, id, this.#login), ...values }
    project.members = {
      Owners: [this.#login],
      Members: [USERS.member.login],
      Collaborators: [USERS.reader.login],
    }
    this.database.addProject(project)
    return project
  }

  subject(project: Project, label: string): Subject {
    return newSubject(this.database, project, label, this.#login)
  }

  experiment(subject: Subject, label: string, xsiType: string): Experiment {
    const project = this.database.project(subject.project)!
    const owner = { project, subjectId: subject.id, session: undefined }
    return newExperiment(this.database, owner, label, xsiType, this.#login)
  }

  assessor(session: Experiment, label: string, xsiType: string): Experiment {
    const project = this.database.project(session.project)!
    return newExperiment(this.database, { project, subjectId: null, session }, label, xsiType, this.#login)
  }

  scan(session: Experiment, id: string, xsiType: string): Scan {
    const scan = newScan(this.database, id, xsiType, this.#login)
    session.scans.push(scan)
    return scan
  }

  reconstruction(session: Experiment, id: string): Reconstruction {
    const reconstruction = newReconstruction(this.database, id, this.#login)
    session.reconstructions.push(reconstruction)
    return reconstruction
  }

  /** A resource with its files, catalog and totals. */
  async resource(
    parent: ResourceParent,
    spec: ResourceSpec,
    files: readonly SourceFile[],
  ): Promise<Resource> {
    const { database } = this
    const uri = catalogUri(parent, spec.label, database.now())
    const resource = database.newResource(spec.label, uri, this.#login)
    resource.format = spec.format ?? null
    resource.content = spec.content ?? null
    resourcesOf(parent).push(resource)
    const project = uri.slice(0, uri.indexOf('/'))
    const totals = await this.storeFiles(
      this.#catalogs.path(resource),
      spec,
      files,
      project,
      resource.meta.eventId,
    )
    resource.fileCount = totals.count
    resource.fileSize = totals.size
    return resource
  }

  /** Puts files beside a catalog and writes that. */
  async storeFiles(
    catalogPath: string,
    spec: ResourceSpec,
    files: readonly SourceFile[],
    project: string,
    eventId: number,
  ): Promise<{ count: number; size: number }> {
    const queue = new PQueue({ concurrency: PARALLEL_COPIES })
    const folder = dirname(catalogPath)
    const created = catalogTime(this.database.now())
    const entries = await queue.addAll(
      files.map((file) => async (): Promise<CatalogEntry> => {
        const { size, md5 } = await place(file, join(folder, file.path))
        return {
          uri: file.path,
          id: file.path,
          name: basename(file.path),
          cachePath: file.path,
          digest: md5,
          format: spec.format,
          content: spec.content,
          createdBy: this.#login,
          createdTime: created,
          createdEventId: String(eventId),
          uid: file.uid,
          instanceNumber: file.instanceNumber,
          isDicom: file.uid === undefined ? undefined : true,
          metaFields: [{ name: 'SIZE', value: String(size) }],
          tags: [],
        }
      }),
    )
    const id = spec.label ?? basename(folder)
    const isDicom = spec.seriesUid !== undefined
    const catalog = { id, uid: spec.seriesUid, isDicom, metaFields: [], entries, sets: [] }
    await this.#catalogs.create(catalogPath, catalog, project)
    const size = entries.reduce((sum, entry) => sum + Number(entry.metaFields[0]!.value), 0)
    return { count: entries.length, size }
  }
}

/** Copies (or clones) a file into place, streaming; the source is only read. */
async function place(file: SourceFile, target: string): Promise<{ size: number; md5: string }> {
  await mkdir(dirname(target), { recursive: true })
  if (typeof file.from !== 'string') {
    await writeFile(target, file.from)
    return { size: file.from.length, md5: createHash('md5').update(file.from).digest('hex') }
  }
  await copyFile(file.from, target, constants.COPYFILE_FICLONE)
  const { size } = await stat(target)
  return { size, md5: file.md5 ?? (await fileMd5(target)) }
}

async function fileMd5(path: string): Promise<string> {
  const hash = createHash('md5')
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1024 * 1024 })
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}
