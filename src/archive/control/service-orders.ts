import type { DirectoryEntry, Entry } from '../archive.js'
import { escapeName, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import { changedByService } from './changed-by.js'
import type { ChangedKeys } from './changed-by.js'
import { orderEntry, textEntry } from './control-entries.js'
import type { ControlPlace, ServiceKind } from './control-place.js'
import type { ControlRule } from './control-rule.js'
import { aliasEntry } from '../entries.js'
import { launchPath, servicePath } from '../../xnat/service-paths.js'
import type { Parameter } from '../../xnat/service-paths.js'
import { bareServiceDocument, featuresDocument } from '../../xnat/site-documents.js'

/** What a mount has to be allowed, as its options have it. */
export type Allowance = 'create' | 'delete' | 'rename' | 'raw-writes'

/** Something that the server does when it is asked to, by POST of parameters (xnat-wire.md §11.4). */
export interface Service {
  readonly path: string
  /** What all of it is. */
  readonly needs?: Allowance
  /** What some parameters ask for beside. */
  readonly needsFor?: (parameters: readonly Parameter[]) => Allowance | undefined
  /** Keys without which the server would do nothing, or something else. */
  readonly required: readonly string[]
  readonly changes: ChangedKeys
  /** It names sessions that wait (`src`), and takes them from there. */
  readonly takesSessions?: true
}

const deletes = (key: string, pattern: RegExp): NonNullable<Service['needsFor']> => {
  return (parameters) =>
    parameters.some(([name, value]) => name === key && pattern.test(value)) ? 'delete' : undefined
}

const services: Readonly<Record<Exclude<ServiceKind, 'launches'>, Readonly<Record<string, Service>>>> = {
  services: {
    import: {
      path: servicePath('import'),
      changes: changedByService.archive,
      needs: 'create',
      needsFor: deletes('overwrite', /^delete$/i),
      required: ['src'],
    },
    archive: {
      path: servicePath('archive'),
      changes: changedByService.archive,
      needs: 'create',
      needsFor: deletes('overwrite', /^delete$/i),
      required: ['src'],
      takesSessions: true,
    },
    'validate-archive': {
      path: servicePath('validate-archive'),
      changes: changedByService.nothing,
      required: ['src'],
    },
    'move-files': {
      path: servicePath('move-files'),
      changes: changedByService.moved,
      needsFor: (parameters) =>
        parameters.some(([name, value]) => name === 'dest' && mayBeRaw(value)) ? 'raw-writes' : undefined,
      required: ['src', 'dest'],
    },
  },
  'service-prearchive': {
    move: {
      path: servicePath('prearchive/move'),
      changes: changedByService.prearchive,
      needs: 'rename',
      required: ['src', 'newProject'],
      takesSessions: true,
    },
    delete: {
      path: servicePath('prearchive/delete'),
      changes: changedByService.prearchive,
      needs: 'delete',
      required: ['src'],
      takesSessions: true,
    },
    rebuild: {
      path: servicePath('prearchive/rebuild'),
      changes: changedByService.prearchive,
      required: ['src'],
      takesSessions: true,
    },
  },
  'service-refresh': {
    catalog: {
      path: servicePath('refresh/catalog'),
      changes: changedByService.resources,
      needsFor: refreshNeeds,
      required: ['resource'],
    },
  },
}

/** Which resource of a scan is raw data, a path does not tell: it may name one by its number. */
function mayBeRaw(path: string): boolean {
  return /\/scans\//i.test(path)
}

const harmlessOperations: ReadonlySet<string> = new Set(['append', 'checksum', 'populateStats'])

/**
 * Entries of files that are not found are taken from a catalog, by `delete` or where no operation is named. A server may
 * take a word that it does not know for none.
 */
function refreshNeeds(parameters: readonly Parameter[]): Allowance | undefined {
  const operations = parameters.flatMap(([key, value]) => {
    if (key === 'resource') return []
    if (key === 'options') return value.split(',')
    return value === 'true' ? [key] : [`${key}=${value}`]
  })
  const isHarmless = operations.length > 0 && operations.every((one) => harmlessOperations.has(one))
  return isHarmless ? undefined : 'delete'
}

/** XNAT's own steps, which every project has beside its pipelines. */
const ownSteps = ['triggerPipelines', 'pullDataFromHeaders', 'fixScanTypes']
const step = /^[\w.:@~-]+$/

export function isServiceKind(kind: string): kind is ServiceKind {
  return kind === 'launches' || Object.hasOwn(services, kind)
}

/** What is done by writing into a file of this name. */
export function serviceOf(place: ControlPlace, name: string): Service | undefined {
  const { kind, item } = place
  if (kind === 'launches') {
    const label = unescapeName(name)
    if (!step.test(label) || item.project === undefined) return undefined
    const path = launchPath(item.project, label, item.experiment!)
    return { path, needs: 'create', required: [], changes: changedByService.anything }
  }
  if (!isServiceKind(kind)) return undefined
  const own = services[kind]
  return Object.hasOwn(own, name) ? own[name] : undefined
}

/** Under which the last answer to an order is kept. An experiment that is shared has pipelines of each of its projects. */
export function orderKey({ kind, item }: ControlPlace, name: string): string {
  return JSON.stringify([kind, item.project, item.experiment, name])
}

function orderFile(directory: DirectoryEntry, place: ControlPlace, name: string, sources: Sources): Entry {
  return orderEntry(directory, name, sources.answers.get(orderKey(place, name)) ?? { latin1: '' })
}

export const serviceRules: Readonly<Record<ServiceKind, ControlRule>> = {
  services: {
    ...rule('services'),
    documents: () => ({ 'features.csv': featuresDocument() }),
    directories: () => ({
      workflows: 'service-workflows',
      sessions: 'user-sessions',
      audit: 'audit',
      prearchive: 'service-prearchive',
      refresh: 'service-refresh',
    }),
  },
  'service-prearchive': rule('service-prearchive'),
  'service-refresh': rule('service-refresh'),
  launches: {
    list: async (directory, place, sources) => {
      const pipelines = await sources.orNone(['forbidden'], () => sources.pipelines(place.item.project!))
      return [...ownSteps, ...pipelines]
        .filter((name) => serviceOf(place, escapeName(name)))
        .map((name) => orderFile(directory, place, name, sources))
    },
    find: async (directory, place, name, sources) =>
      serviceOf(place, name) && orderFile(directory, place, name, sources),
  },
}

function rule(kind: Exclude<ServiceKind, 'launches'>): ControlRule {
  const names = Object.keys(services[kind])
  return {
    list: (directory, place, sources) =>
      Promise.resolve(names.map((name) => orderFile(directory, place, name, sources))),
    find: async (directory, place, name, sources) => {
      if (kind === 'services' && name === 'features') return aliasEntry(name, 'features?')
      if (kind === 'services' && (name === 'audit?' || name === 'workflows?')) {
        const document = bareServiceDocument(name === 'audit?' ? 'audit' : 'workflows')
        return textEntry(directory, name, document, await sources.text(document))
      }
      return names.includes(name) ? orderFile(directory, place, name, sources) : undefined
    },
  }
}

/** `key=value`, one a line or with `&` between, as they are meant and not as URLs spell them. */
export function parametersOf(text: string): Parameter[] | undefined {
  const parts = text
    .split(/[\n&]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const pairs = parts.map((part): Parameter => {
    const at = part.indexOf('=')
    return [part.slice(0, Math.max(at, 0)), part.slice(at + 1)]
  })
  return pairs.every(([key]) => /^[\w-]+$/.test(key)) ? pairs : undefined
}
