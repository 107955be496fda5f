import { StatusError } from '../http/answer.js'
import type { Project } from '../store/model.js'
import {
  catalogRows,
  findResourceById,
  matchingRows,
  type CatalogRow,
  type FoundResource,
} from './catalog-rows.js'
import type { RestContext } from './resource.js'
import { Selection } from './selection.js'

/** A selection and the resources named below it (XNATCatalogTemplate). */
export class ResourceSelection extends Selection {
  /** The names in the URL, numbers last. */
  readonly names: readonly string[]
  /** Rows of the selection that bear one of the names, or all of them without names. */
  readonly rows: readonly CatalogRow[]
  readonly #context: RestContext

  constructor(context: RestContext, allowAll: boolean) {
    super(context)
    this.#context = context
    const requested = (context.variable('RESOURCE_ID') ?? '').split(/\s*,\s*/).filter((name) => name !== '')
    this.names = [...requested.filter((name) => !isNumber(name)), ...requested.filter(isNumber)]
    const candidates = catalogRows(context, this, allowAll)
    // A quote in a label is taken for an attack: nothing is loaded, and nothing has a parent (checkResourceIDs).
    this.rows = this.names.some((name) => name.includes('&apos;')) ? [] : matchingRows(candidates, this.names)
    for (const name of this.names.filter(isNumber)) this.#checkReadable(name)
  }

  /** Labels with a quote leave XNAT without catalogs, hence without parent and security item. */
  get isRefused(): boolean {
    return this.names.some((name) => name.includes('&apos;'))
  }

  /** What is named, in XNAT's order; numbers count wherever the resource hangs (FileList's constructor). */
  named(): FoundResource[] {
    const found: FoundResource[] = []
    if (this.names.length === 0) return found
    for (const row of this.rows) {
      const { id, label } = row.resource
      if (this.names.includes(String(id)) || (label !== null && this.names.includes(label))) found.push(row)
    }
    for (const name of this.names.filter(isNumber)) {
      if (found.some(({ resource }) => resource.id === Number(name))) continue
      const elsewhere = findResourceById(this.#context, Number(name))
      if (elsewhere) found.push(elsewhere)
    }
    return found
  }

  /** The project whose archive counts, also where the URL names none. */
  get archiveProject(): Project | undefined {
    return this.project ?? this.securityProject
  }

  /** All-digit names are IDs: one that is unknown or unreadable fails in the constructor, which is 404 (§5). */
  #checkReadable(name: string): void {
    if (this.rows.some(({ resource }) => String(resource.id) === name)) return
    if (!findResourceById(this.#context, Number(name))) throw new StatusError(404)
  }
}

function isNumber(name: string): boolean {
  return /^\d+$/.test(name)
}

/** XNATCatalogTemplate.getBaseURI: what the URIs of a single resource's files begin with (§2.4). */
export function baseUri(selection: Selection): string {
  const { project, subject, assessed, scans, reconstructions, experiments, side } = selection
  const ids = (items: readonly { readonly id: string }[]): string => items.map((item) => item.id).join(',')
  const start = project && subject ? `/data/projects/${project.id}/subjects/${subject.id}` : '/data'
  if (reconstructions.length > 0) {
    const list = ids(reconstructions.map(({ item }) => item))
    return `${start}/experiments/${ids(assessed)}/reconstructions/${list}/${side}`
  }
  if (scans.length > 0) {
    return `${start}/experiments/${ids(assessed)}/scans/${ids(scans.map(({ item }) => item))}`
  }
  if (experiments.length > 0) {
    return assessed.length > 0
      ? `${start}/experiments/${ids(assessed)}/assessors/${ids(experiments)}/${side}`
      : `${start}/experiments/${ids(experiments)}`
  }
  return !subject && project ? `${start}/projects/${project.id}` : start
}
