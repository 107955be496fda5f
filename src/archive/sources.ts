import { setMaxListeners } from 'node:events'
import type { ItemAddress } from '../xnat/address.js'
import { itemPath } from '../xnat/address.js'
import type { StoredFile } from '../xnat/catalog-xml.js'
import type {
  Experiment,
  FoundSubject,
  Labelled,
  Project,
  ProjectExperiment,
  Reconstruction,
  Resource,
  Scan,
  XnatClient,
} from '../xnat/client.js'
import type { ItemProject, Member } from '../xnat/control-client.js'
import { itemDocument } from '../xnat/documents.js'
import type { Document } from '../xnat/documents.js'
import { prearchivedFilesPath, prearchivedPath } from '../xnat/prearchive-client.js'
import type {
  PrearchivedAddress,
  PrearchivedFile,
  PrearchivedResource,
  PrearchivedResourceAddress,
  PrearchivedScan,
  PrearchivedSession,
} from '../xnat/prearchive-client.js'
import type { Row } from '../xnat/rows.js'
import { protocolsIn } from '../xnat/settings-documents.js'
import type { Protocol } from '../xnat/settings-documents.js'
import type { CachedFile } from '../xnat/user-cache-client.js'
import { XnatError } from '../xnat/xnat-error.js'
import type { XnatErrorCode } from '../xnat/xnat-error.js'
import { loadFiles } from './catalog.js'
import { Corrections } from './corrections.js'
import { SearchRuns } from './control/search-runs.js'
import { ServiceAnswers } from './control/service-answers.js'
import { textOf } from './control/text.js'
import type { Text } from './control/text.js'
import type { ResourcePart } from './layout.js'
import type { ListingCache, Source } from './listing-cache.js'
import type { StaleListings } from './stale-listings.js'
import type { Zips } from './zips.js'

type Filters = Readonly<Record<string, string>>

/** What is known here of the server's things beside what it lists. */
interface Local {
  readonly runs: SearchRuns
  readonly answers: ServiceAnswers
  readonly zips?: Zips | undefined
  readonly corrections: Corrections
}

/**
 * The listings one directory is made of. Remembers which it used: the directory is as young as the oldest of them.
 */
export class Sources {
  readonly used: Source[] = []
  /** False when a question that failed was taken for "none" (`orNone`): believed this once only. */
  isCertain = true
  /** The searches that were run here. */
  readonly runs: SearchRuns
  /** What the server answered to orders that were given here. */
  readonly answers: ServiceAnswers
  readonly zips: Zips | undefined
  readonly corrections: Corrections
  readonly #client: XnatClient
  readonly #cache: Pick<ListingCache, 'load' | 'peek'>
  readonly #signal: AbortSignal | undefined

  /** @param cache `StaleListings` where an older listing will do while the server does not answer */
  constructor(
    client: XnatClient,
    cache: ListingCache | StaleListings,
    signal: AbortSignal | undefined,
    { runs, answers, zips, corrections }: Local = {
      runs: new SearchRuns(),
      answers: new ServiceAnswers(),
      corrections: new Corrections(),
    },
  ) {
    this.runs = runs
    this.answers = answers
    this.zips = zips
    this.corrections = corrections
    this.#client = client
    this.#cache = cache
    this.#signal = signal
    if (signal) setMaxListeners(0, signal) // each question that is under way has one
  }

  projects(): Promise<Project[]> {
    return this.#use('projects', (signal) => this.#client.projects(signal))
  }

  subjects(project: string): Promise<Labelled[]> {
    return this.#use(`subjects ${project}`, (signal) => this.#client.subjects(project, signal))
  }

  experiments(project: string, subject: string): Promise<Experiment[]> {
    return this.#use(`experiments ${project} ${subject}`, (signal) =>
      this.#client.experiments(project, subject, signal),
    )
  }

  projectExperiments(project: string): Promise<ProjectExperiment[]> {
    return this.#use(`project-experiments ${project}`, (signal) =>
      this.#client.projectExperiments(project, signal),
    )
  }

  siteIds(kind: 'experiments' | 'subjects'): Promise<string[]> {
    return this.#use(`site-${kind}`, (signal) => this.#client.siteIds(kind, signal))
  }

  findSubjects(project: string | undefined, filters: Filters): Promise<FoundSubject[]> {
    return this.#use(`find-subjects ${project ?? ''} ${JSON.stringify(filters)}`, (signal) =>
      this.#client.findSubjects(project, filters, signal),
    )
  }

  findExperiments(scope: ItemAddress, filters: Filters): Promise<Experiment[]> {
    return this.#use(`find-experiments ${JSON.stringify([scope, filters])}`, (signal) =>
      this.#client.findExperiments(scope, filters, signal),
    )
  }

  /** Which sessions the image assessors among them belong to; no rows where a server cannot say so of this type. */
  sessionsOf(scope: ItemAddress, filters: Filters): Promise<Row[]> {
    return this.orNone(['bad-response', 'server'], () =>
      this.#use(`sessions-of ${JSON.stringify([scope, filters])}`, (signal) =>
        this.#client.sessionsOf(scope, filters, signal),
      ),
    )
  }

  item(item: ItemAddress): Promise<Row> {
    return this.#use(`item ${itemPath(item)}`, (signal) => this.#client.item(item, signal))
  }

  scans(experiment: string): Promise<Scan[]> {
    return this.#use(`scans ${experiment}`, (signal) => this.#client.scans(experiment, signal))
  }

  reconstructions(experiment: string): Promise<Reconstruction[]> {
    return this.#use(`reconstructions ${experiment}`, (signal) =>
      this.#client.reconstructions(experiment, signal),
    )
  }

  assessors(experiment: string): Promise<Experiment[]> {
    return this.#use(`assessors ${experiment}`, (signal) => this.#client.assessors(experiment, signal))
  }

  /** Those of a data type or of one that extends it. */
  assessorsOfType(experiment: string, xsiType: string): Promise<Experiment[]> {
    return this.orNone(['not-found', 'bad-response', 'server'], () =>
      this.#use(`assessors ${experiment} ${xsiType}`, (signal) =>
        this.#client.assessors(experiment, signal, xsiType),
      ),
    )
  }

  resources(item: ItemAddress): Promise<Resource[]> {
    return this.#use(`resources ${itemPath(item, 'get')}`, (signal) => this.#client.resources(item, signal))
  }

  /** The resources of an experiment and of what is in it. */
  allResources(experiment: string): Promise<Resource[]> {
    return this.#use(`all-resources ${experiment}`, (signal) => this.#client.allResources(experiment, signal))
  }

  files(part: ResourcePart): Promise<StoredFile[]> {
    return this.#use(filesKey(part.address.resource), (signal) => loadFiles(this.#client, part, signal))
  }

  /** A document as the server sends it. */
  async text(document: Document): Promise<Text> {
    if (document.unnameable) throw document.unnameable
    return this.#use(textKey(document), async (signal) =>
      textOf(await this.#client.control.document(document, signal)),
    )
  }

  /** The document as it was told lately, without asking. */
  known(document: Document): Text | undefined {
    return this.#cache.peek(textKey(document))?.value as Text | undefined
  }

  members(project: string): Promise<Member[]> {
    return this.#use(`members ${project}`, (signal) => this.#client.control.members(project, signal))
  }

  projectsOf(item: ItemAddress): Promise<ItemProject[]> {
    return this.#use(`projects-of ${itemPath(item)}`, (signal) =>
      this.#client.control.projectsOf(item, signal),
    )
  }

  pipelines(project: string): Promise<string[]> {
    return this.#use(`pipelines ${project}`, async (signal) => {
      const pipelines = await this.#client.control.pipelines(project, signal)
      return [...new Set(pipelines.map(({ name }) => name))]
    })
  }

  groups(project: string): Promise<string[]> {
    return this.#use(`groups ${project}`, (signal) => this.#client.settings.groups(project, signal))
  }

  async protocols(project: string): Promise<Protocol[]> {
    const { latin1 } = await this.text(itemDocument({ project }))
    return protocolsIn(Buffer.from(latin1, 'latin1').toString())
  }

  /** The tools that keep something, for a project or for the site. */
  tools(project: string | undefined): Promise<string[]> {
    return this.#use(toolsKey(project), (signal) => this.#client.settings.tools(project, signal))
  }

  /** The paths under which a tool keeps something. */
  settings(project: string | undefined, tool: string): Promise<string[]> {
    return this.#use(settingsKey(project, tool), (signal) =>
      this.#client.settings.paths(project, tool, signal),
    )
  }

  /** The sessions of a project that wait to be archived, or all that this user may edit. */
  prearchived(project?: string): Promise<PrearchivedSession[]> {
    return this.#use(`prearchive ${project ?? ''}`, (signal) =>
      this.#client.prearchive.sessions(project, signal),
    )
  }

  prearchivedScans(session: PrearchivedAddress): Promise<PrearchivedScan[]> {
    return this.#use(`prearchive-scans ${prearchivedPath(session)}`, (signal) =>
      this.#client.prearchive.scans(session, signal),
    )
  }

  /** The resources of all its scans. */
  async prearchivedResources(session: PrearchivedAddress): Promise<PrearchivedResource[]> {
    const scans = await this.prearchivedScans(session)
    return this.#use(`prearchive-resources ${prearchivedPath(session)}`, (signal) =>
      this.#client.prearchive.resources(session, scans, signal),
    )
  }

  prearchivedFiles(resource: PrearchivedResourceAddress): Promise<PrearchivedFile[]> {
    return this.#use(prearchivedFilesKey(resource), (signal) =>
      this.#client.prearchive.files(resource, signal),
    )
  }

  /** The folders that the user has at the server. */
  cacheResources(): Promise<string[]> {
    return this.#use('cached', (signal) => this.#client.userCache.resources(signal))
  }

  cachedFiles(resource: string): Promise<CachedFile[]> {
    return this.#use(cachedFilesKey(resource), (signal) => this.#client.userCache.files(resource, signal))
  }

  /** What the user wants to find again, of a data type. */
  favorites(xsiType: string): Promise<string[]> {
    return this.#use(`favorites ${xsiType}`, (signal) => this.#client.control.favorites(xsiType, signal))
  }

  logins(): Promise<string[]> {
    return this.#use('logins', (signal) => this.#client.control.logins(signal))
  }

  savedSearches(): Promise<string[]> {
    return this.#use('saved-searches', (signal) => this.#client.control.savedSearches(signal))
  }

  /**
   * What a listing is needed for only to tell whether there is anything: a user who may not see it sees none, and a
   * server that fails for one kind of item does not hide the others.
   */
  async orNone<T>(codes: readonly XnatErrorCode[], question: () => Promise<T[]>): Promise<T[]> {
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof XnatError) || !codes.includes(error.code)) throw error
      this.isCertain = false
      return []
    }
  }

  async #use<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const source = await this.#cache.load(key, ask, this.#signal)
    this.used.push(source)
    return source.value
  }
}

/** Numeric resource IDs are unique on a server, whatever path leads to them. */
export function filesKey(resource: string): string {
  return `files ${resource}`
}

export function prearchivedFilesKey(resource: PrearchivedResourceAddress): string {
  return `prearchive-files ${prearchivedFilesPath(resource)}`
}

export function cachedFilesKey(resource: string): string {
  return `cached ${resource}`
}

export function textKey({ path }: Document): string {
  return `text ${path}`
}

export function toolsKey(project: string | undefined): string {
  return `tools ${project ?? ''}`
}

export function settingsKey(project: string | undefined, tool: string): string {
  return `settings ${project ?? ''} ${tool}`
}

/** Matches what is told of the folders of the user. */
export function isCacheKey(key: string): boolean {
  return /^cached\b/.test(key)
}

/** Matches what is told of items beside their files. */
export function isControlKey(key: string): boolean {
  return /^(text|members|projects-of|saved-searches|pipelines|logins|prearchive|groups|tools|settings|favorites)\b/.test(
    key,
  )
}

/** Matches the files of a resource. */
export function isFilesOf(resource: string): (key: string) => boolean {
  return (key) => key === filesKey(resource)
}

/** Matches every listing that tells which resources an item has. */
export function isResourcesOf(item: ItemAddress): (key: string) => boolean {
  const own = `resources ${itemPath(item, 'get')}`
  return (key) => key === own || (item.experiment !== undefined && key === `all-resources ${item.experiment}`)
}
