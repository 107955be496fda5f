import { FsError } from '../util/fs-error.js'
import type { ItemAddress } from '../xnat/address.js'
import type { XnatClient } from '../xnat/client.js'
import type { ItemPlace } from './layout.js'
import { withReason } from './refusals.js'
import { ofCategory } from './resources.js'

const created = 201

/**
 * Makes and removes subjects, experiments and scans, and makes projects. XNAT takes a PUT of what exists for a change
 * and a DELETE for everything below: so each is preceded by questions that no cache answers.
 */
export class Entities {
  readonly #client: XnatClient
  readonly #sessionType: string

  /** @param sessionType the data type of new experiments */
  constructor(client: XnatClient, sessionType: string) {
    this.#client = client
    this.#sessionType = sessionType
  }

  /** @throws FsError EEXIST when there is one of this name */
  async make(parent: ItemPlace, label: string, signal?: AbortSignal): Promise<void> {
    const { project, subject, experiment } = parent.item
    const exists = (): FsError => new FsError('EEXIST', `make ${label}: the server has one of this name`)
    if (await this.#isThere(parent, label, signal)) throw exists()
    if (parent.level === 'root') {
      await this.#client.createEntity({ project: label }, undefined, signal)
    } else if (parent.level === 'project') {
      const status = await this.#client.createEntity({ project: project!, subject: label }, undefined, signal)
      if (status !== created) throw exists()
    } else if (parent.level === 'subject') {
      const item = { project: project!, subject: subject!, experiment: label }
      if ((await this.#client.createEntity(item, this.#sessionType, signal)) !== created) throw exists()
    } else {
      const type = scanTypeOf(parent.xsiType ?? this.#sessionType)
      await this.#client.createEntity({ experiment: experiment!, scan: label }, type, signal)
    }
  }

  /** Removes what has nothing in it, as fresh answers say. */
  async remove({ level, item }: ItemPlace, name: string, signal?: AbortSignal): Promise<void> {
    const owner = (await this.#client.item(ownerOf(item), signal))['project']
    if (owner !== item.project) {
      throw new FsError('EPERM', `remove ${name}: it is shared from project ${owner}; remove it there`)
    }
    const inside = await this.#inside(level, item, signal)
    if (inside !== undefined) throw new FsError('ENOTEMPTY', `remove ${name}: it has ${inside}`)
    await withReason(this.#client, item, name, () => this.#client.deleteEntity(item, signal))
  }

  async #isThere({ level, item }: ItemPlace, label: string, signal?: AbortSignal): Promise<boolean> {
    const { project, subject, experiment } = item
    if (level === 'root') return (await this.#client.projects(signal)).some(({ id }) => id === label)
    if (level === 'scans')
      return (await this.#client.scans(experiment!, signal)).some(({ id }) => id === label)
    // XNAT takes a label for one of the whole project.
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
    if ((await client.allResources(item.experiment!, signal)).length > 0) return 'resources'
    for (const list of ['scans', 'assessors', 'reconstructions'] as const) {
      if ((await client.countIn(item.experiment!, list, signal)) > 0) return list
    }
    return undefined
  }
}

function ownerOf({ subject, experiment }: ItemAddress): ItemAddress {
  return experiment === undefined ? { subject: subject! } : { experiment }
}

/** XNAT's own types come in pairs; others have scans of the general kind. */
function scanTypeOf(sessionType: string): string {
  return /^xnat:\w+SessionData$/.test(sessionType)
    ? sessionType.replace(/SessionData$/, 'ScanData')
    : 'xnat:otherDicomScanData'
}
