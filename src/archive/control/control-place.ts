import type { ItemAddress } from '../../xnat/address.js'
import type { Document } from '../../xnat/documents.js'
import type { Entry, Place } from '../archive.js'

/** Levels of the tree that have a `.xnat`. */
export type ControlOwner =
  'root' | 'project' | 'subject' | 'experiment' | 'assessor' | 'scan' | 'reconstruction' | 'resource'

/** What a directory in `.xnat` is about; 'item' is `.xnat` itself. */
export type ControlKind = 'item' | 'roles' | 'role' | 'shares' | 'share' | 'search' | 'saved' | 'fields'

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
}

export interface ControlFilePlace extends Place {
  readonly level: 'control-file'
  /** Undefined where the name alone tells everything: the file is empty. */
  readonly document: Document | undefined
}

export function isControl({ place }: Entry): boolean {
  return place.level === 'control' || place.level === 'control-file'
}
