import type { ItemAddress } from '../../xnat/address.js'
import type { Document } from '../../xnat/documents.js'
import type { PrearchivedResourceAddress } from '../../xnat/prearchive-client.js'
import type { Entry, Place } from '../archive.js'
import type { Text } from './text.js'

/** Levels of the tree that have a `.xnat`. */
export const owners = [
  'root',
  'project',
  'subject',
  'experiment',
  'assessor',
  'scan',
  'reconstruction',
  'resource',
] as const
export type ControlOwner = (typeof owners)[number]

/** What a directory in `.xnat` is about; 'item' is `.xnat` itself. */
export type ControlKind =
  | 'item'
  | 'roles'
  | 'role'
  | 'shares'
  | 'share'
  | 'search'
  | 'saved'
  | 'run'
  | 'users'
  | ServiceKind
  | 'service-workflows'
  | ListedKind
  | SettingsKind
  | 'favorites'
  | 'favorite'
  | 'audit'
  | CacheKind
  | AskedKind
  | BelowKind
  | 'question'
  | PrearchiveKind

/** Whose documents are had by name, one by one. */
export type AskedKind =
  | 'fields'
  | 'versions'
  | 'workflows'
  | 'item-workflows'
  | 'statuses'
  | 'searches'
  | 'cached-searches'
  | 'cached-search'
  | 'user-roles'
  | 'user-sessions'
  | 'audited'

/** What REST has below one of whom it has a document. */
export type BelowKind = 'user' | 'element' | 'saved-search' | 'pipeline'

/** Each of whose documents is one of those that the server lists. */
export type ListedKind = 'pipelines' | 'groups' | 'protocols'

/** Files that have the server do something. */
export type ServiceKind = 'services' | 'service-prearchive' | 'service-refresh' | 'launches'

/** The folders of the user, and those in them. */
export type CacheKind = 'cache' | 'cache-folder'

export type SettingsKind = 'config' | 'config-tool'

/** The levels of what waits to be archived. */
export type PrearchiveKind =
  | 'prearchive'
  | 'prearchive-project'
  | 'prearchive-time'
  | 'prearchive-session'
  | 'prearchive-scans'
  | 'prearchive-scan'
  | 'prearchive-resources'
  | 'prearchive-folder'

/** As much of it as a directory names. */
export type Prearchived = Partial<PrearchivedResourceAddress> & {
  /** From the top of the resource. */
  readonly folders?: readonly string[]
}

/** A directory of what XNAT knows of an item beside files. */
export interface ControlPlace extends Place {
  readonly level: 'control'
  readonly kind: ControlKind
  /** Whose it is. */
  readonly of: ControlOwner
  readonly item: ItemAddress
  /** The number of a resource, in the item. */
  readonly resource?: string
  /** The role, project, tool, data type, search, account, question or folder of the user that the directory stands for. */
  readonly subject?: string
  /** From the top of what the tool, or the folder of the user, keeps. */
  readonly folders?: readonly string[]
  readonly prearchived?: Prearchived
  /** Of settings: each file is what REST answers to its path. */
  readonly isAnswers?: boolean
  /** Reached through a view: shown, not to be changed here. */
  readonly isView?: boolean
}

export interface ControlFilePlace extends Place {
  readonly level: 'control-file'
  readonly in: ControlPlace
  /** What the server tells. */
  readonly document?: Document
  /** What is known here only. Without either, the name tells everything: the file is empty. */
  readonly text?: Text
  /** What is written into it has the server do what this names. */
  readonly order?: string
  /** It was found by what lies beside it, and is changed with it. */
  readonly isResult?: boolean
  /** It is found by a question, and is not that by which it is removed. */
  readonly isAsked?: boolean
}

/** A file that lies in no resource of the archive. */
interface ServedFilePlace extends Place {
  readonly storedPath: string
  /** Undefined where no URL means this file and no other. */
  readonly url: string | undefined
  readonly listedVersion: string
  /** Of the list that it is from. */
  readonly listingKey: string
}

/** A file that waits to be archived. */
export interface PrearchivedFilePlace extends ServedFilePlace {
  readonly level: 'prearchived-file'
}

/** A file in a folder of the user. */
export interface CachedFilePlace extends ServedFilePlace {
  readonly level: 'cached-file'
  readonly resource: string
}

/** The folders of the user, and what is in them. */
export function isCached({ place }: Entry): boolean {
  const { kind } = place as Partial<ControlPlace>
  return place.level === 'cached-file' || kind === 'cache' || kind === 'cache-folder'
}

export function isControl({ place }: Entry): boolean {
  return place.level === 'control' || place.level === 'control-file'
}
