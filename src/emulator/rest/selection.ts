import { StatusError } from '../http/answer.js'
import {
  canReadData,
  canReadItem,
  canReadProject,
  canReadScan,
  experimentById,
  experimentByLabel,
  findProject,
  isFrozen,
  isInProject,
  subjectById,
  subjectInProject,
} from '../store/access.js'
import type { ResourceParent, Side } from '../store/layout.js'
import type { Experiment, Project, Reconstruction, Scan, Subject } from '../store/model.js'
import { canonicalType, isImageAssessor, isImageSession, isInstanceOf } from '../store/xsi-types.js'
import type { RestContext } from './resource.js'

/** A scan or reconstruction together with the session it belongs to. */
export interface InSession<T> {
  readonly session: Experiment
  readonly item: T
}

/**
 * What a URL of the resources and files routes points at (XNATTemplate). Lists and wildcards may select several
 * items; for anything but GET exactly one must be selected.
 */
export class Selection {
  readonly project: Project | undefined
  readonly subject: Subject | undefined
  readonly assessed: readonly Experiment[]
  readonly experiments: readonly Experiment[]
  readonly scans: readonly InSession<Scan>[]
  readonly reconstructions: readonly InSession<Reconstruction>[]
  readonly side: Side
  readonly #context: RestContext

  constructor(context: RestContext) {
    this.#context = context
    this.project = this.#findProject()
    this.subject = this.#findSubject()
    this.assessed = this.#findAssessed()
    this.side = context.variable('TYPE')?.toLowerCase() === 'in' ? 'in' : 'out'
    this.experiments = this.#findExperiments()
    this.scans = this.#findScans()
    this.reconstructions = this.#findReconstructions()
  }

  /** Nothing at all was found: the lists answer 404. */
  get isEmpty(): boolean {
    return (
      this.reconstructions.length === 0 &&
      this.scans.length === 0 &&
      this.experiments.length === 0 &&
      !this.subject &&
      !this.project
    )
  }

  /** Where resources are looked for and made: the most specific thing that was found (§2.3, wrong-parent trap). */
  parents(): ResourceParent[] {
    if (this.reconstructions.length > 0) {
      return this.reconstructions.map(({ session, item }) => ({
        kind: 'reconstruction' as const,
        session,
        reconstruction: item,
        side: this.side,
      }))
    }
    if (this.scans.length > 0) {
      return this.scans.map(({ session, item }) => ({ kind: 'scan' as const, session, scan: item }))
    }
    if (this.experiments.length > 0) return this.#experimentParents()
    if (this.subject) return [{ kind: 'subject', subject: this.subject }]
    return this.project ? [{ kind: 'project', project: this.project }] : []
  }

  /** The project of the item whose permissions count: the session in the URL before what hangs on it. */
  get securityProject(): Project | undefined {
    const item = this.#securityItem
    return item ? this.#context.services.database.project(item.project) : this.project
  }

  /** What is locked or obsolete loses nothing (§6). */
  get isFrozen(): boolean {
    const item = this.#securityItem
    return item !== undefined && isFrozen(item)
  }

  /** The folder name of that item, by which archives are called (ArchivableItem.getArchiveDirectoryName). */
  get archiveName(): string | undefined {
    const item = this.#securityItem
    return item ? item.label || item.id : this.project?.id
  }

  get #securityItem(): Experiment | Subject | undefined {
    if (this.reconstructions.length > 0 || this.scans.length > 0) return this.assessed[0]
    if (this.experiments.length > 0) return this.assessed[0] ?? this.experiments[0]
    return this.subject
  }

  /** Experiments that are sessions or subject assessors, without `assessors` in the URL. */
  get isPlainExperiment(): boolean {
    const first = this.experiments[0]
    return (
      this.reconstructions.length === 0 &&
      this.scans.length === 0 &&
      first !== undefined &&
      this.assessed.length === 0 &&
      !isImageAssessor(first.xsiType)
    )
  }

  #experimentParents(): ResourceParent[] {
    if (this.isPlainExperiment) {
      return this.experiments.map((experiment) => ({ kind: 'experiment' as const, experiment }))
    }
    return this.experiments.map((assessor) => ({ kind: 'assessor' as const, assessor, side: this.side }))
  }

  get #single(): boolean {
    return !this.#context.isPlainGet
  }

  #findProject(): Project | undefined {
    const { services, user } = this.#context
    const id = this.#context.variable('PROJECT_ID')
    if (id === undefined) return undefined
    const project = findProject(services.database, id, user)
    if (!project || !canReadProject(project, user)) throw new StatusError(404, 'Unable to identify project')
    return project
  }

  #findSubject(): Subject | undefined {
    const { services, user } = this.#context
    const name = this.#context.variable('SUBJECT_ID')
    if (name === undefined) return undefined
    const subject = this.project
      ? subjectInProject(services.database, this.project.id, name, user)
      : subjectById(services.database, name, user)
    if (!subject) throw new StatusError(404, 'Unable to identify subject')
    return subject
  }

  /** ID first, then label in the project (§2.7). */
  #findAssessed(): Experiment[] {
    const { services, user } = this.#context
    const names = splitList(this.#context.variable('ASSESSED_ID'))
    const found: Experiment[] = []
    for (const name of names) {
      let session = experimentById(services.database, name, user)
      if (session && !isImageSession(session.xsiType)) session = undefined
      if (session && this.project && !isInProject(session, this.project.id)) session = undefined
      if (!session && this.project)
        session = experimentByLabel(services.database, this.project.id, name, user)
      if (session) found.push(session)
      if (found.length !== 1 && this.#single) throw new StatusError(404, 'Unable to identify image session')
    }
    return found
  }

  #findExperiments(): Experiment[] {
    const { services, user } = this.#context
    const name = this.#context.variable('EXPT_ID')
    if (name === undefined) return []
    const found: Experiment[] = []
    for (const part of splitList(name)) {
      const experiment =
        experimentById(services.database, part, user) ??
        (this.project ? experimentByLabel(services.database, this.project.id, part, user) : undefined)
      if (experiment) found.push(experiment)
      else found.push(...this.#matchingAssessors(part))
    }
    if (found.length !== 1 && this.#single) throw new StatusError(404, 'Unable to identify experiment')
    return found
  }

  /** Assessors of the sessions in the URL: by ID or label, `*` or `ALL`, or a data type and what extends it. */
  #matchingAssessors(name: string): Experiment[] {
    const { services, user } = this.#context
    const all = name === '*' || name === 'ALL'
    const type = canonicalType(name)
    const found: Experiment[] = []
    for (const session of this.assessed) {
      for (const candidate of services.database.experiments()) {
        if (candidate.sessionId !== session.id || !canReadItem(services.database, candidate, user)) continue
        const named = candidate.id === name || candidate.label === name
        if (named || all || (type !== undefined && isInstanceOf(candidate.xsiType, type)))
          found.push(candidate)
      }
    }
    return found
  }

  #findScans(): InSession<Scan>[] {
    const { services, user } = this.#context
    const id = this.#context.decodedVariable('SCAN_ID')
    if (id === undefined || this.assessed.length === 0) return []
    const matches = itemMatcher(id.replaceAll('[SLASH]', '/'))
    const found = this.assessed.flatMap((session) =>
      session.scans
        .filter((scan) => matches(scan) && canReadScan(services.database, session, scan, user))
        .map((item) => ({ session, item })),
    )
    if (found.length !== 1 && this.#single) throw new StatusError(404, 'Unable to identify scan')
    return found
  }

  #findReconstructions(): InSession<Reconstruction>[] {
    const { services, user } = this.#context
    const id = this.#context.decodedVariable('RECON_ID')
    if (id === undefined || this.assessed.length === 0) return []
    const matches = itemMatcher(id)
    const found = this.assessed.flatMap((session) =>
      session.reconstructions
        .filter((item) => matches(item) && canReadData(services.database.project(session.project), user))
        .map((item) => ({ session, item })),
    )
    if (found.length !== 1 && this.#single) throw new StatusError(404, 'Unable to identify reconstruction')
    return found
  }
}

function splitList(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Scans and reconstructions are selected by ID or by type; IDs and types may be mixed (§4). */
export function itemMatcher(text: string): (item: { id: string; type: string | null }) => boolean {
  if (text === '*' || text === 'ALL') return () => true
  const names = text.includes(',') ? splitList(text) : [text]
  const ids = new Set(names)
  const types = new Set(
    names.filter((name) => name !== 'NULL').map((name) => name.replaceAll('[COMMA]', ',')),
  )
  const untyped = ids.has('NULL')
  return (item) => ids.has(item.id) || (item.type ? types.has(item.type) : untyped)
}
