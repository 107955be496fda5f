import { inForm } from '../../xnat/answer-documents.js'
import { pipelineDocument, searchResultDocument } from '../../xnat/documents.js'
import type { Document } from '../../xnat/documents.js'
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
    {
      documents: (place) => {
        const own = Object.entries(documents(place.subject!, place))
        return Object.fromEntries(own.map(([name, document]) => [name, asSent(document)]))
      },
    },
  ]),
) as Record<BelowKind, ControlRule>

/** What is told at a look-up stays so: that says who may know. */
function asSent(document: Document): Document {
  const sent = inForm(document, undefined)
  if (!sent) return document
  const { isCostly: _, ...others } = sent
  return document.isCostly ? sent : others
}

/** In the form that it is kept in elsewhere. */
export function belowDocument({ kind, subject, ...place }: ControlPlace, name: string): Document | undefined {
  if (!Object.hasOwn(below, kind)) return undefined
  const documents = below[kind as BelowKind](subject!, { ...place, kind })
  return Object.hasOwn(documents, name) ? documents[name] : undefined
}

export function directoryBelow(directory: DirectoryEntry, name: string, kind: BelowKind): DirectoryEntry {
  const place = placeOf(directory) as ControlPlace
  return controlDirectoryEntry(directory, name, within(place, kind, unescapeName(name)))
}
