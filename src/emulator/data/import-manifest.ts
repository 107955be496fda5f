import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { plainFields } from '../rest/entity-factory.js'
import type { ResourceParent } from '../store/layout.js'
import type { Experiment, Fields, Project, Subject } from '../store/model.js'
import { canonicalType } from '../store/xsi-types.js'
import { isRecord, messageOf } from '../unknown.js'
import { ArchiveBuilder, type ImportTarget, type SourceFile } from './archive-builder.js'

/** A data set described by a manifest: entities with all their fields, and local files by relative path. */

/** Walks the manifest and says where in it something is wrong. */
class Node {
  readonly where: string
  readonly #value: Readonly<Record<string, unknown>>

  constructor(value: unknown, where: string) {
    if (!isRecord(value)) throw new Error(`${where}: expected an object`)
    this.#value = value
    this.where = where
  }

  has(name: string): boolean {
    return name in this.#value
  }

  text(name: string): string {
    const value = this.optional(name)
    if (value === undefined || value === '') throw new Error(`${this.where}: ${name} is missing; give a text`)
    return value
  }

  optional(name: string): string | undefined {
    const value = this.#value[name]
    if (value === undefined || value === null) return undefined
    if (typeof value === 'string' || typeof value === 'number') return String(value)
    throw new Error(`${this.where}: ${name} must be a text`)
  }

  /** The named values that are there, as fields. */
  fields(...names: string[]): Fields {
    const found: Fields = {}
    for (const name of names) {
      const value = this.#value[name]
      if (typeof value === 'string' || typeof value === 'number') found[name] = value
    }
    return found
  }

  object(name: string): Fields {
    const value = this.#value[name]
    return isRecord(value) ? new Node(value, `${this.where}.${name}`).fields(...Object.keys(value)) : {}
  }

  list(name: string): Node[] {
    const value = this.#value[name] ?? []
    if (!Array.isArray(value)) throw new Error(`${this.where}: ${name} must be a list`)
    return value.map((item: unknown, index) => new Node(item, `${this.where}.${name}[${index}]`))
  }
}

export async function importManifest(target: ImportTarget, path: string): Promise<void> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new Error(`${path} cannot be read as a manifest: ${messageOf(error)}`, { cause: error })
  }
  const manifest = new Node(content, path)
  if (!manifest.has('projects'))
    throw new Error(`${path} is no manifest: it has no list "projects"; give one that has`)
  const root = join(dirname(resolve(path)), manifest.optional('set') ?? '.')
  const importer = new ManifestImporter(new ArchiveBuilder(target), root)
  for (const project of manifest.list('projects')) await importer.project(project)
}

class ManifestImporter {
  readonly #builder: ArchiveBuilder
  readonly #root: string

  constructor(builder: ArchiveBuilder, root: string) {
    this.#builder = builder
    this.#root = root
  }

  async project(node: Node): Promise<void> {
    const id = node.text('ID')
    const project = this.#builder.project(id, {
      name: node.optional('name') ?? id,
      description: node.optional('description') ?? '',
      secondaryId: node.optional('secondary_ID') ?? id,
    })
    await this.#resources(node, { kind: 'project', project })
    for (const subject of node.list('subjects')) await this.#subject(subject, project)
  }

  async #subject(node: Node, project: Project): Promise<void> {
    const subject = this.#builder.subject(project, node.text('label'))
    const demographics = Object.entries(node.object('demographics'))
    // What the DICOM headers say of the patient belongs to the sessions.
    const own = demographics.filter(([name]) => !name.startsWith('dicom_'))
    subject.fields = plainFields(Object.fromEntries(own))
    await this.#resources(node, { kind: 'subject', subject })
    for (const experiment of node.list('experiments')) await this.#experiment(experiment, subject)
  }

  async #experiment(node: Node, subject: Subject): Promise<void> {
    const experiment = this.#builder.experiment(subject, node.text('label'), xsiType(node))
    const modality = node.list('scans')[0]?.optional('modality')
    experiment.fields = plainFields({
      ...(modality === undefined ? {} : { modality }),
      ...node.object('fields'),
      ...node.fields('UID', 'modality', 'session_type', 'date', 'time'),
    })
    await this.#resources(node, { kind: 'experiment', experiment })
    for (const scan of node.list('scans')) await this.#scan(scan, experiment)
    for (const item of node.list('reconstructions')) await this.#reconstruction(item, experiment)
    for (const item of node.list('assessors')) await this.#assessor(item, experiment)
  }

  async #scan(node: Node, session: Experiment): Promise<void> {
    const scan = this.#builder.scan(session, node.text('ID'), xsiType(node))
    scan.type = node.optional('type') ?? null
    scan.fields = plainFields({
      ...node.fields('series_description', 'quality', 'note', 'UID', 'modality', 'frames'),
      ...node.object('fields'),
    })
    await this.#resources(node, { kind: 'scan', session, scan })
  }

  async #reconstruction(node: Node, session: Experiment): Promise<void> {
    const reconstruction = this.#builder.reconstruction(session, node.text('ID'))
    reconstruction.type = node.optional('type') ?? null
    reconstruction.fields = plainFields({ ...node.fields('baseScanType'), ...node.object('fields') })
    await this.#resources(node, { kind: 'reconstruction', session, reconstruction, side: 'out' })
  }

  async #assessor(node: Node, session: Experiment): Promise<void> {
    const assessor = this.#builder.assessor(session, node.text('label'), xsiType(node))
    assessor.fields = plainFields({ ...node.object('fields'), ...node.fields('date', 'time') })
    await this.#resources(node, { kind: 'assessor', assessor, side: 'out' })
  }

  async #resources(node: Node, parent: ResourceParent): Promise<void> {
    for (const resource of node.list('resources')) {
      const files: SourceFile[] = []
      for (const file of resource.list('files')) files.push(await this.#file(file))
      const spec = {
        label: resource.optional('label') ?? null,
        format: resource.optional('format'),
        content: resource.optional('content'),
      }
      await this.#builder.resource(parent, spec, files)
    }
  }

  /** The digest of the manifest is taken over, once the size says that the file is the one meant. */
  async #file(node: Node): Promise<SourceFile> {
    const local = join(this.#root, node.text('local'))
    const info = await stat(local).catch(() => undefined)
    if (!info?.isFile()) throw new Error(`${node.where}: ${local} is missing; complete the data set`)
    const size = node.optional('size')
    if (size !== undefined && Number(size) !== info.size) {
      throw new Error(`${node.where}: ${local} has ${info.size} bytes, not ${size}; restore the data set`)
    }
    return { path: node.text('name'), from: local, md5: node.optional('md5') }
  }
}

function xsiType(node: Node): string {
  const name = node.text('xsiType')
  const known = canonicalType(name)
  if (known === undefined) throw new Error(`${node.where}: xsiType ${name} is not known to the embedded XNAT`)
  return known
}
