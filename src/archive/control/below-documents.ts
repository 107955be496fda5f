import { pipelineDocument, searchResultDocument } from '../../xnat/documents.js'
import { versionsDocument } from '../../xnat/event-documents.js'
import { rolesDocument, sessionsDocument } from '../../xnat/site-documents.js'
import type { DirectoryEntry } from '../archive.js'
import { placeOf } from '../layout.js'
import { unescapeName } from '../names.js'
import { controlDirectoryEntry, within } from './control-entries.js'
import type { BelowKind, ControlPlace } from './control-place.js'
import type { ControlRule } from './control-rule.js'
import type { Documents } from './item-documents.js'

/**
 * What REST has below a document that is had by name. Its path is the directory of that, and the document the path with a
 * `?` behind it.
 */
const below: Readonly<Record<BelowKind, (name: string, place: ControlPlace) => Documents>> = {
  user: (login) => ({ roles: rolesDocument(login), sessions: sessionsDocument(login) }),
  element: (type) => ({ versions: versionsDocument(type) }),
  'saved-search': (id) => ({ results: searchResultDocument(id) }),
  // The same as itself.
  pipeline: (name, { item }) => ({ details: pipelineDocument(item.project!, name) }),
}

export const belowRules = Object.fromEntries(
  Object.entries(below).map(([kind, documents]): [string, ControlRule] => [
    kind,
    { documents: (place) => documents(place.subject!, place) },
  ]),
) as Record<BelowKind, ControlRule>

export function directoryBelow(directory: DirectoryEntry, name: string, kind: BelowKind): DirectoryEntry {
  const place = placeOf(directory) as ControlPlace
  return controlDirectoryEntry(directory, name, within(place, kind, unescapeName(name)))
}
