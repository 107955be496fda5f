import { FsError } from '../util/fs-error.js'
import type { ItemAddress } from '../xnat/address.js'
import type { XnatClient } from '../xnat/client.js'
import type { ItemPlace } from './layout.js'
import { comesToLight } from './attempts.js'
import { withReason } from './refusals.js'
import { ofCategory } from './resources.js'

const created = 201

/** The data types of what is made. */
export interface NewTypes {
  readonly session: string
  readonly assessor: string
}

/** What is removed as a whole; projects are not. */
export function isEntity(level: ItemPlace['level']): boolean {
  return entityLevels.has(level)
}

const entityLevels: ReadonlySet<string> = new Set([
  'subject',
  'experiment',
  'scan',
  'reconstruction',
  'assessor',
])

/**
 * Makes and removes subjects, experiments and what is in them, and makes projects. XNAT takes a PUT of what exists for a change
 * and a DELETE for everything below: so each is preceded by questions that no cache answers.
 */
export class Entities {
  readonly #client: XnatClient
  readonly #types: NewTypes
  readonly #overdueMs: number

  /** @param overdueMs not longer than this does anything wait for the server to show what it has done */
  constructor(client: XnatClient, types: NewTypes, overdueMs: number) {
    this.#client = client
    this.#types = types
    this.#overdueMs = overdueMs
  }

  /** @throws FsError EEXIST when there is one of this name */
  async make(parent: ItemPlace, label: string, signal?: AbortSignal): Promise<void> {
    const { project, subject, experiment } = parent.item
    const exists = (): FsError => new FsError('EEXIST', `make ${label}: the server has one of this name`)
    if (await this.#isThere(parent, label, signal)) throw exists()
    const make = (item: ItemAddress, xsiType?: string): Promise<number> =>
      this.#client.createEntity(item, xsiType, signal)
    const makeNew = async (item: ItemAddress, xsiType?: string): Promise<void> => {
      if ((await make(item, xsiType)) !== created) throw exists()
    }
    const types = this.#types
    if (parent.level === 'root') {
      await make({ project: label })
      // Where it does not, whoever lists it next says so.
      await comesToLight(() => this.#isThere(parent, label, signal), this.#overdueMs, signal)
    } else if (parent.level === 'project') await makeNew({ project: project!, subject: label })
    else if (parent.level === 'subject')
      await makeNew({ project: project!, subject: subject!, experiment: label }, types.session)
    else if (parent.level === 'assessors') await makeNew({ ...parent.item, assessor: label }, types.assessor)
    else if (parent.level === 'reconstructions')
      await make({ experiment: experiment!, reconstruction: label }, 'xnat:reconstructedImageData')
    else await make({ experiment: experiment!, scan: label }, scanTypeOf(parent.xsiType ?? types.session))
  }

  /** Removes what has nothing in it, as fresh answers say. */
  async remove({ level, item }: ItemPlace, name: string, signal?: AbortSignal): Promise<void> {
    const owner = (await this.#client.item(ownerOf(item), signal))['project']
    if (owner !== item.project) {
      throw new FsError('EPERM', `remove ${name}: it is shared from project ${owner}`, {
        nextStep: 'remove it there',
      })
    }
    const inside = await this.#inside(level, item, signal)
    if (inside !== undefined) throw new FsError('ENOTEMPTY', `remove ${name}: it has ${inside}`)
    await withReason(this.#client, item, name, () => this.#client.deleteEntity(item, signal))
  }

  async #isThere({ level, item }: ItemPlace, label: string, signal?: AbortSignal): Promise<boolean> {
    const { project, subject, experiment } = item
    const client = this.#client
    if (level === 'root') return (await this.#client.projects(signal)).some(({ id }) => id === label)
    if (level === 'scans') return (await client.scans(experiment!, signal)).some(({ id }) => id === label)
    if (level === 'reconstructions')
      return (await client.reconstructions(experiment!, signal)).some(({ id }) => id === label)
    // XNAT takes a label for one of the whole project. Lists of experiments leave assessors out.
    if (level === 'assessors') {
      const twins = { xsiType: 'xnat:imageAssessorData', label }
      if ((await client.findExperiments({ project: project! }, twins, signal)).length > 0) return true
    }
    const others =
      level === 'project'
        ? await this.#client.subjects(project!, signal)
        : subject === undefined
          ? []
          : await this.#client.projectExperiments(project!, signal)
    return others.some((other) => other.label === label || other.id === label)
  }

  /** What is in it, in words. */
  async #inside(
    level: ItemPlace['level'],
    item: ItemAddress,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const client = this.#client
    if (level === 'scan') {
      const resources = await client.allResources(item.experiment!, signal)
      return ofCategory(resources, 'scans', item.scan).length > 0 ? 'resources' : undefined
    }
    if (level === 'subject') {
      // In whatever project: they would go with it.
      const experiments = await client.findExperiments({}, { subject_ID: item.subject! }, signal)
      if (experiments.length > 0) return `${experiments.length} experiments`
      return (await client.resources({ subject: item.subject! }, signal)).length > 0 ? 'resources' : undefined
    }
    if (level === 'reconstruction' || level === 'assessor') {
      const sides = [{ side: 'in' }, { side: 'out' }, ...(level === 'assessor' ? [{}] : [])] as const
      for (const side of sides) {
        const resources = await client.resources({ ...item, ...side }, signal)
        if (resources.some(({ category }) => category === `${level}s`)) return 'resources'
      }
      return undefined
    }
    if ((await client.allResources(item.experiment!, signal)).length > 0) return 'resources'
    for (const list of ['scans', 'assessors', 'reconstructions'] as const) {
      if ((await client.countIn(item.experiment!, list, signal)) > 0) return list
    }
    return undefined
  }
}

/** An assessor may be another project's than its session. */
function ownerOf({ subject, experiment, assessor }: ItemAddress): ItemAddress {
  if (assessor !== undefined) return { experiment: assessor }
  return experiment === undefined ? { subject: subject! } : { experiment }
}

/** XNAT's own types come in pairs; others have scans of the general kind. */
function scanTypeOf(sessionType: string): string {
  return /^xnat:\w+SessionData$/.test(sessionType)
    ? sessionType.replace(/SessionData$/, 'ScanData')
    : 'xnat:otherDicomScanData'
}
