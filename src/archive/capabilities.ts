import { FsError } from '../util/fs-error.js'
import { longestNameBytes } from '../util/longest-name.js'
import { isNameableScan } from '../xnat/address.js'
import { storedAs } from '../xnat/wire-path.js'
import type { Capability, Entry } from './archive.js'
import { controlLack, orderOf } from './control/control-lacks.js'
import type { Lack } from './control/control-lacks.js'
import { isEntity } from './entities.js'
import { isTree, levels, placeOf } from './layout.js'
import type { ArchivePlace, FilePlace, ItemPlace, Level, TreePlace } from './layout.js'
import { unescapeName } from './names.js'
import { isRaw } from './resources.js'

export interface CapabilityOptions {
  /** Raw scan data may be changed. */
  readonly allowRawWrites: boolean
  /** Subjects and experiments may get other labels. */
  readonly allowRelabel: boolean
  /** Projects, subjects, experiments, and what is in experiments, may be made. */
  readonly allowCreate?: boolean
  /** Subjects, experiments, and what is in experiments, may be removed where they are empty. */
  readonly allowDelete?: boolean
}

/** Why something cannot be done with or in an entry; the sentence says what would help. */
export function missingCapability(
  entry: Entry,
  capability: Capability,
  options: CapabilityOptions,
  newName?: string,
): FsError | undefined {
  const place = placeOf(entry)
  const deny: Deny = (code, { reason, nextStep }) =>
    new FsError(code, `${verbs[capability]} ${entry.name || '/'}: ${reason}`, { nextStep })

  if ('isView' in place && place.isView) {
    return deny('EROFS', {
      reason: 'this directory is a view of several items',
      nextStep: 'change the file in its own resource',
    })
  }
  if (place.level === 'control' || place.level === 'control-file') {
    const lack = controlLack(place, capability, newName, options)
    if (lack) return deny(lack.code, lack)
    // What is no order would be taken for a file, and wait for ever to be sent.
    const isWrite = place.level === 'control-file' && capability === 'write'
    if (!isWrite || orderOf(place.in, entry.name) !== undefined) return undefined
    const nextStep = 'write the file of `.xnat` that it is'
    return deny('EPERM', { reason: 'it is told by another name, and changed by that', nextStep })
  }
  if (place.level === 'prearchived-file')
    return deny('EPERM', {
      reason: 'it waits to be archived, and cannot be changed before it is',
      nextStep: 'have it archived first',
    })
  if (place.level === 'cached-file') return undefined
  if (place.level === 'link')
    return deny('EROFS', { reason: 'links are not kept on the server', nextStep: 'use what it leads to' })
  const scan = scanOf(place)
  if (scan !== undefined && !isNameableScan(scan) && isBelowScan(place)) {
    return deny('EPERM', {
      reason: `XNAT can read scan '${scan}' by its ID, but not change it`,
      nextStep: 'change it in a browser',
    })
  }
  if (isBelowScan(place) && place.isProtected && !options.allowRawWrites) {
    return deny('EPERM', {
      reason: 'this is raw scan data',
      nextStep: 'mount with --allow-raw-writes to change it',
    })
  }
  if (capability === 'relabel') return relabelProblem(place, newName, deny, options)
  if (!isBelowScan(place)) {
    const lack = lackAboveResources(place, capability, options)
    if (lack !== undefined) return deny('EPERM', lack)
    if (capability === 'make-directory' && levels[place.level as Level].makes === 'entity')
      return newName === undefined || isEntityLabel(place, newName)
        ? undefined
        : deny('EINVAL', wrongLabel(newName))
    return newName === undefined ? undefined : resourceNameProblem(place, newName, deny, options)
  }
  const problem =
    newName === undefined ? undefined : fileNameProblem(newName, capability === 'make-directory', place)
  return problem === undefined ? undefined : deny('EINVAL', wrongName(newName!, problem))
}

type Deny = (code: 'EINVAL' | 'EPERM' | 'EROFS', why: Lack) => FsError

function wrongName(name: string, problem: string): Lack {
  return { reason: `'${name}': ${problem}`, nextStep: 'take another name' }
}

function wrongLabel(label: string): Lack {
  return wrongName(label, 'XNAT takes labels of letters, digits, _ and - only')
}

function resourceNameProblem(
  place: ItemPlace,
  name: string,
  deny: Deny,
  options: CapabilityOptions,
): FsError | undefined {
  const label = unescapeName(name)
  const problem = labelProblem(label)
  if (problem !== undefined) return deny('EINVAL', wrongName(name, problem))
  if (place.item.scan === undefined || options.allowRawWrites || !isRaw({ label, content: '' }))
    return undefined
  return deny('EPERM', {
    reason: `the label ${label} means raw scan data`,
    nextStep: 'mount with --allow-raw-writes to make it',
  })
}

function relabelProblem(
  place: ArchivePlace,
  name: string | undefined,
  deny: Deny,
  options: CapabilityOptions,
): FsError | undefined {
  if (place.level !== 'subject' && place.level !== 'experiment')
    return deny('EPERM', {
      reason: 'XNAT can rename subjects and experiments only, and a copy has its files only',
      nextStep: 'copy what you need of it, and remove it yourself',
    })
  if (!options.allowRelabel)
    return deny('EPERM', {
      reason: 'labels are protected',
      nextStep: 'mount with --allow-rename entities to change labels',
    })
  if (name !== undefined && !/^[A-Za-z0-9_-]+$/.test(name)) return deny('EINVAL', wrongLabel(name))
  return undefined
}

const verbs: Record<Capability, string> = {
  create: 'create a file in',
  'make-directory': 'make a directory in',
  write: 'write',
  remove: 'remove',
  relabel: 'rename',
}

/** IDs may have dots too, but nothing the names that mean several in its place. */
function isEntityLabel({ level }: ItemPlace, name: string): boolean {
  const isInSession = level === 'scans' || level === 'reconstructions' || level === 'assessors'
  if (isInSession && (name === 'ALL' || name === 'NULL')) return false
  if (!isInSession || level === 'assessors') return /^[A-Za-z0-9_-]+$/.test(name)
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name)
}

/** Shown where there is something in them: without, there is nothing to remove. */
const fixedLevels: ReadonlySet<string> = new Set(
  Object.values(levels).flatMap(({ fixed }) => Object.values(fixed)),
)

function lackAboveResources(
  place: ItemPlace,
  capability: Capability,
  options: CapabilityOptions,
): Lack | undefined {
  if (capability === 'remove') return lackOfRemoval(place, options)
  const { makes } = levels[place.level as Level]
  if (capability === 'make-directory' && makes === 'entity') {
    const reason = 'it would be a new item of the archive, with a record of its own'
    return options.allowCreate
      ? undefined
      : { reason, nextStep: 'mount with --allow-create entities to make it' }
  }
  if (capability === 'create')
    return {
      reason: 'files lie in resources',
      nextStep: 'make one with mkdir in a scan or in resources/',
    }
  if (capability === 'make-directory' && makes !== 'resource') {
    return {
      reason: 'no resource can be there',
      nextStep: 'make it in a scan, in resources/, or in the in/ or out/ of an assessor or reconstruction',
    }
  }
  return undefined
}

function lackOfRemoval(place: ItemPlace, options: CapabilityOptions): Lack | undefined {
  if (place.level === 'project')
    return {
      reason: 'the ID of a removed project can never be used again',
      nextStep: 'remove it on the server',
    }
  if (!isEntity(place.level) && !fixedLevels.has(place.level))
    return {
      reason: 'only files, folders, resources, subjects, experiments and what is in them can be removed',
      nextStep: 'remove what is in it',
    }
  if (options.allowDelete) return undefined
  return {
    reason: 'it is an item of the archive, whose record would be gone too',
    nextStep: 'mount with --allow-delete entities to remove it',
  }
}

/** Why no resource can get this label, or undefined. REST takes labels raw (xnat-wire.md §1.2, §5, §6). */
function labelProblem(label: string): string | undefined {
  if (/^\d+$/.test(label)) return 'XNAT takes a label of digits only for the number of an existing resource'
  if (!/^[A-Za-z0-9_.~()@+=-]+$/.test(label)) {
    return 'XNAT can give resources labels of letters, digits and _ . - ~ ( ) @ + = only'
  }
  return undefined
}

/** Why XNAT cannot keep a file, or files in a folder, of this name (§2.4, §3.6, §5). */
function fileNameProblem(name: string, isFolder: boolean, place: TreePlace | FilePlace): string | undefined {
  const label = unescapeName(name)
  if (/[/\\\p{Cc}]/u.test(label)) return 'XNAT takes no backslash, slash or control character in a name'
  if (label.includes('\ufffd')) return 'a name must be valid UTF-8'
  if (/^(\.|%2e){1,2}$/i.test(label)) return 'this name means a directory'
  if (label.endsWith('*')) return 'XNAT takes a star at the end for "all files whose names begin so"'
  if (/\.(zip|jar|rar|ear|gar|mrb)!/i.test(label)) return 'XNAT takes this for a file in an archive file'
  if (isFolder && /\.(zip|jar|rar|ear|gar|mrb)$/i.test(label)) {
    return 'XNAT takes a folder of this name for an archive file, and its files could not be read'
  }
  if (!isFolder && (label.endsWith('_catalog.xml') || label.startsWith('.~lock-'))) {
    return 'XNAT keeps such names for itself'
  }
  const path = [...(isTree(place) ? place.path : []), label].join('/')
  const isTooLong = storedAs(path)
    .split('/')
    .some((part) => Buffer.byteLength(part) > longestNameBytes)
  return isTooLong ? 'it is too long with the escapes that XNAT keeps' : undefined
}

function isBelowScan(place: ArchivePlace): place is TreePlace | FilePlace {
  return isTree(place) || place.level === 'file'
}

function scanOf(place: ArchivePlace): string | undefined {
  if (isTree(place)) return place.parts[0]?.address.scan
  if (place.level === 'file') return place.address.scan
  return (place as ItemPlace).item.scan
}
