import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, isRecord } from '../unknown.js'
import type {
  DatabaseContent,
  Experiment,
  Favorite,
  Meta,
  PrearchiveSession,
  Project,
  Resource,
  Setting,
  StoredSearch,
  Subject,
  Workflow,
} from './model.js'

const FILE_NAME = 'database.json'
const SITE_PREFIX = 'XNAT'

function isContent(value: unknown): value is DatabaseContent {
  return isRecord(value) && value['version'] === 1
}

function parseContent(text: string): DatabaseContent {
  const content: unknown = JSON.parse(text)
  if (!isContent(content)) throw new Error('it has another version')
  return content
}

function emptyContent(): DatabaseContent {
  return {
    version: 1,
    counters: { subject: 0, experiment: 0, resource: 0, scan: 0, reconstruction: 0, event: 0, search: 0 },
    projects: [],
    subjects: [],
    experiments: [],
    prearchive: [],
    searches: [],
    retiredProjects: [],
  }
}

/**
 * All entities, in memory and in one file. Every change is followed by `commit`, which resolves when the file on
 * disk holds it: a server that is killed loses nothing that it has answered.
 */
export class Database {
  readonly #path: string
  readonly #temporary: string
  readonly #now: () => number
  readonly #content: DatabaseContent
  readonly #projects = new Map<string, Project>()
  readonly #subjects = new Map<string, Subject>()
  readonly #experiments = new Map<string, Experiment>()
  /** The write under way, and the one that waits behind it and will include every change made until it starts. */
  #writing: Promise<void> | undefined
  #waiting: Promise<void> | undefined

  private constructor(directory: string, content: DatabaseContent, now: () => number) {
    this.#path = join(directory, FILE_NAME)
    this.#temporary = `${this.#path}.new`
    this.#content = content
    this.#now = now
    for (const project of content.projects) this.#projects.set(project.id, project)
    for (const subject of content.subjects) this.#subjects.set(subject.id, subject)
    for (const experiment of content.experiments) this.#experiments.set(experiment.id, experiment)
  }

  /** Opens the database of a directory; `isNew` says that there was none. */
  static async open(directory: string, now: () => number): Promise<{ database: Database; isNew: boolean }> {
    const path = join(directory, FILE_NAME)
    let text: string | undefined
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    if (text === undefined) return { database: new Database(directory, emptyContent(), now), isNew: true }
    try {
      return { database: new Database(directory, parseContent(text), now), isNew: false }
    } catch (error) {
      throw new Error(`${path} is not a database of the embedded XNAT; use another state directory`, {
        cause: error,
      })
    }
  }

  now(): number {
    return this.#now()
  }

  project(id: string): Project | undefined {
    return this.#projects.get(id)
  }

  subject(id: string): Subject | undefined {
    return this.#subjects.get(id)
  }

  experiment(id: string): Experiment | undefined {
    return this.#experiments.get(id)
  }

  projects(): Iterable<Project> {
    return this.#projects.values()
  }

  subjects(): Iterable<Subject> {
    return this.#subjects.values()
  }

  experiments(): Iterable<Experiment> {
    return this.#experiments.values()
  }

  get prearchive(): PrearchiveSession[] {
    return this.#content.prearchive
  }

  get searches(): StoredSearch[] {
    return this.#content.searches
  }

  get workflows(): Workflow[] {
    return (this.#content.workflows ??= [])
  }

  get settings(): Setting[] {
    return (this.#content.settings ??= [])
  }

  get favorites(): Favorite[] {
    return (this.#content.favorites ??= [])
  }

  get retiredProjects(): string[] {
    return this.#content.retiredProjects
  }

  addProject(project: Project): void {
    this.#projects.set(project.id, project)
  }

  addSubject(subject: Subject): void {
    this.#subjects.set(subject.id, subject)
  }

  addExperiment(experiment: Experiment): void {
    this.#experiments.set(experiment.id, experiment)
  }

  removeProject(id: string): void {
    if (this.#projects.delete(id)) this.#content.retiredProjects.push(id)
  }

  removeSubject(id: string): void {
    this.#subjects.delete(id)
  }

  removeExperiment(id: string): void {
    this.#experiments.delete(id)
  }

  /** Accession numbers as XNAT makes them: `XNAT_S00001`. */
  nextSubjectId(): string {
    return `${SITE_PREFIX}_S${String(++this.#content.counters.subject).padStart(5, '0')}`
  }

  nextExperimentId(): string {
    return `${SITE_PREFIX}_E${String(++this.#content.counters.experiment).padStart(5, '0')}`
  }

  nextNumber(counter: 'resource' | 'scan' | 'reconstruction' | 'event' | 'search'): number {
    return ++this.#content.counters[counter]
  }

  newMeta(login: string): Meta {
    const now = this.now()
    return { insertDateMs: now, insertUser: login, lastModifiedMs: now, eventId: this.nextNumber('event') }
  }

  newResource(label: string | null, uri: string, login: string): Resource {
    return {
      id: this.nextNumber('resource'),
      label,
      format: null,
      content: null,
      description: null,
      tags: [],
      uri,
      fileCount: 0,
      fileSize: 0,
      meta: this.newMeta(login),
    }
  }

  /** Resolves when everything changed so far is in the file. Concurrent callers share writes. */
  async commit(): Promise<void> {
    if (!this.#writing) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
      })
      return this.#writing
    }
    const running = this.#writing
    this.#waiting ??= running
      .catch(() => undefined)
      .then(() => {
        this.#waiting = undefined
        return this.commit()
      })
    return this.#waiting
  }

  async #write(): Promise<void> {
    const content: DatabaseContent = {
      ...this.#content,
      projects: [...this.#projects.values()],
      subjects: [...this.#subjects.values()],
      experiments: [...this.#experiments.values()],
    }
    const file = await open(this.#temporary, 'w')
    try {
      await file.writeFile(JSON.stringify(content))
    } finally {
      await file.close()
    }
    await rename(this.#temporary, this.#path)
  }
}
