import type { ItemAddress } from '../../xnat/address.js'
import type { Document } from '../../xnat/documents.js'
import type { Entry, Place } from '../archive.js'
import type { Text } from './text.js'

/** Levels of the tree that have a `.xnat`. */
export type ControlOwner =
  'root' | 'project' | 'subject' | 'experiment' | 'assessor' | 'scan' | 'reconstruction' | 'resource'

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
  | 'fields'
  | 'users'
  | 'pipelines'

/** A directory of what XNAT knows of an item beside files. */
export interface ControlPlace extends Place {
  readonly level: 'control'
  readonly kind: ControlKind
  /** Whose it is. */
  readonly of: ControlOwner
  readonly item: ItemAddress
  /** The number of a resource, in the item. */
  readonly resource?: string
  /** The role or the project that the directory stands for. */
  readonly subject?: string
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
  /** It was found by what lies beside it, and is changed with it. */
  readonly isResult?: boolean
}

export function isControl({ place }: Entry): boolean {
  return place.level === 'control' || place.level === 'control-file'
}
