import { longestNameBytes } from '../../util/longest-name.js'
import type { Capability, Order } from '../archive.js'
import { kept } from '../../xnat/user-cache-client.js'
import { unescapeName } from '../names.js'
import type { ControlFilePlace, ControlKind, ControlPlace } from './control-place.js'
import { keptName, namedDocument } from './named-documents.js'
import { serviceOf } from './service-orders.js'
import type { Allowance } from './service-orders.js'
import { lackOfService } from './service-writer.js'
import { settingName } from './settings.js'

/** Why something cannot be done, and what would help. */
export interface Lack {
  readonly reason: string
  readonly nextStep: string
}

interface ControlLack extends Lack {
  readonly code: 'EINVAL' | 'EPERM' | 'EROFS'
}

/** Where files are made: what their names must look like, and why. */
const made: Readonly<Partial<Record<ControlKind, { readonly pattern: RegExp; readonly reason: string }>>> = {
  role: { pattern: /^[^,/\\\s]+$/, reason: 'it is no log-in' },
  favorite: { pattern: /^[^,'/\\\s]+$/, reason: 'it is no ID' },
  saved: { pattern: /^[\w.@:-]+\.xml$/, reason: 'a search is saved as its ID and .xml' },
  'config-tool': {
    pattern: settingName,
    reason: 'XNAT keeps settings under names of letters, digits and _ . : @ ~ - that do not begin with a dot',
  },
  run: { pattern: /\.xml$/, reason: 'a search that is to be run has a name that ends in .xml' },
}

/** How what has this name gives its order, wherever there may be one of the name. */
export function orderOf(place: ControlPlace, given: string): Order | undefined {
  const name = keptName(place, given)
  if (place.kind === 'prearchive-time') return 'by-removal'
  if (place.kind === 'role' || place.kind === 'favorite' || place.kind === 'shares') return 'by-name'
  if (made[place.kind]?.pattern.test(name) || place.kind === 'pipelines') return 'by-text'
  return (serviceOf(place, name) ?? namedDocument(place, name)?.change) ? 'by-text' : undefined
}

/** Why something cannot be done with or in what is in `.xnat`. */
export function controlLack(
  place: ControlPlace | ControlFilePlace,
  capability: Capability,
  newName: string | undefined,
  options: ControlOptions,
): ControlLack | undefined {
  const { allowDelete = false } = options
  if (place.level === 'control' && isCache(place)) return cacheLack(place, capability, newName)
  const directory = place.level === 'control' ? place : place.in
  if (
    place.level === 'control-file' &&
    place.order !== undefined &&
    capability === 'write' &&
    !directory.isView
  ) {
    const lack = lackOfService(serviceOf(directory, place.order)?.needs, allowedBy(options))
    return lack && { code: 'EPERM', ...lack }
  }
  if (directory.isView) {
    const nextStep = 'do it in the directory of the item itself'
    return { code: 'EROFS', reason: 'this directory is a view of several items', nextStep }
  }
  const lasting = place.level === 'control' ? lastingRemovals[place.kind] : lastingFileRemovals[place.in.kind]
  if (lasting !== undefined && capability === 'remove' && !allowDelete)
    return {
      code: 'EPERM',
      reason: 'nothing here would bring it back',
      nextStep: `mount with --allow-delete entities to ${lasting}`,
    }
  const isPossible = place.level === 'control' ? canDoIn(place, capability) : canDoWith(place, capability)
  if (!isPossible)
    return {
      code: 'EPERM',
      reason: 'XNAT tells this, and it cannot be changed here',
      nextStep: 'change what it tells of, or do it in a browser',
    }
  const rule = capability === 'create' && newName !== undefined ? made[directory.kind] : undefined
  if (!rule || rule.pattern.test(unescapeName(newName!))) return undefined
  return { code: 'EINVAL', reason: `'${newName!}': ${rule.reason}`, nextStep: 'take another name' }
}

/** What a mount may do, by its options. */
export interface ControlOptions {
  readonly allowCreate?: boolean
  readonly allowDelete?: boolean
  readonly allowRelabel?: boolean
  readonly allowRawWrites?: boolean
}

export function allowedBy(options: ControlOptions): (what: Allowance) => boolean {
  const { allowCreate, allowDelete, allowRelabel, allowRawWrites } = options
  const allowed = {
    create: allowCreate,
    delete: allowDelete,
    rename: allowRelabel,
    'raw-writes': allowRawWrites,
  }
  return (what) => allowed[what] === true
}

function isCache({ kind }: ControlPlace): boolean {
  return kind === 'cache' || kind === 'cache-folder'
}

/** In the folders of the user everything can be done, but for files beside them. */
function cacheLack(
  { kind, isView }: ControlPlace,
  capability: Capability,
  newName: string | undefined,
): ControlLack | undefined {
  const nextStep = 'take another name'
  if (isView || (kind === 'cache' && capability !== 'make-directory')) {
    const reason = 'files of yours lie in folders of yours'
    return { code: 'EPERM', reason, nextStep: 'make one with mkdir, and do it there' }
  }
  const label = newName === undefined ? undefined : unescapeName(newName)
  if (label === undefined) return undefined
  if (/[/\\\p{Cc}]/u.test(label) || label === '.' || label === '..' || label.includes('\ufffd'))
    return { code: 'EINVAL', reason: `'${newName!}': no URL of XNAT has such a name`, nextStep }
  if (kept(label).length > longestNameBytes)
    return { code: 'EINVAL', reason: `'${newName!}': it is too long as XNAT keeps it`, nextStep }
  return undefined
}

/** What nothing here brings back. */
const lastingRemovals: Readonly<Partial<Record<ControlKind, string>>> = {
  'prearchive-session': 'delete what waits to be archived',
}
const lastingFileRemovals: Readonly<Partial<Record<ControlKind, string>>> = {
  pipelines: 'take a pipeline from its project',
  'config-tool': 'take a setting away',
}

function canDoIn(place: ControlPlace, capability: Capability): boolean {
  if (capability === 'create') return made[place.kind] !== undefined
  if (capability === 'make-directory') return place.kind === 'shares'
  // XNAT answers 400 to who would end the sharing of a scan.
  const isShare = place.kind === 'share' && place.of !== 'scan'
  return capability === 'remove' && (isShare || place.kind === 'prearchive-session')
}

function canDoWith(place: ControlFilePlace, capability: Capability): boolean {
  const {
    in: { kind, isAnswers },
    document,
    isResult,
    isAsked,
  } = place
  if (capability === 'remove' && isAsked && !isAnswers) return false
  if (capability === 'remove') return kind === 'pipelines' || (made[kind] !== undefined && !isResult)
  if (capability !== 'write') return false
  return document?.change !== undefined || (made[kind] !== undefined && !isResult)
}
