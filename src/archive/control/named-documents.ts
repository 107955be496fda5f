import type { Document } from '../../xnat/documents.js'
import { allUsersDocument, fieldsDocument } from '../../xnat/documents.js'
import {
  cachedColumnDocument,
  cachedSearchDocument,
  itemWorkflowDocument,
  statusLogDocument,
  versionsDocument,
  workflowDocument,
} from '../../xnat/event-documents.js'
import type { PrearchivedAddress } from '../../xnat/prearchive-client.js'
import { projectSearchDocument } from '../../xnat/settings-documents.js'
import { auditDocument, rolesDocument, sessionsDocument } from '../../xnat/site-documents.js'
import { aliasEntry } from '../entries.js'
import { unescapeName } from '../names.js'
import { textEntry } from './control-entries.js'
import type { AskedKind, ControlPlace } from './control-place.js'
import type { ControlRule } from './control-rule.js'
import { itemDocuments } from './item-documents.js'
import { sessionDocuments } from './prearchive.js'
import { settingName, settingOf } from './settings.js'

/** Documents of which there are too many to list, or no list: each is there by its name. */
interface Asked {
  /** Of their names, without the ending. */
  readonly pattern: RegExp
  readonly ending: string
  readonly of: (name: string, place: ControlPlace) => Document
}

export const dataType = /^[^.?]+:[^.?]+$/
const number = /^[1-9]\d*$/
/** XNAT begins their names so; without that, `elements` and `saved` would be such names. */
export const cachedTable = /^_\w+$/
/** What a part of a URL's path can be. */
export const segment = /^(?!\.{1,2}$)[\w.@:~-]+$/

const asked: Readonly<Record<AskedKind, Asked>> = {
  fields: { pattern: dataType, ending: '.csv', of: fieldsDocument },
  versions: { pattern: dataType, ending: '.xml', of: versionsDocument },
  workflows: { pattern: number, ending: '.xml', of: workflowDocument },
  'item-workflows': {
    pattern: /^[^&]+(?:&launch_time=.+)?$/,
    ending: '.xml',
    of: (name, { item }) => {
      const [pipeline, time] = name.split('&launch_time=')
      return itemWorkflowDocument(item, pipeline!, time)
    },
  },
  searches: {
    pattern: /^@?[\w.:-]+$/,
    ending: '.xml',
    of: (id, { item }) => projectSearchDocument(item.project!, id),
  },
  'cached-searches': { pattern: cachedTable, ending: '.csv', of: cachedSearchDocument },
  'cached-search': {
    pattern: /^\w+$/,
    ending: '.csv',
    of: (column, { subject }) => cachedColumnDocument(subject!, column),
  },
  'user-roles': { pattern: segment, ending: '.csv', of: rolesDocument },
  'user-sessions': { pattern: segment, ending: '', of: sessionsDocument },
  audited: {
    pattern: /^[\w.-]+$/,
    ending: '.json',
    of: (id, { subject }) => auditDocument(subject!, id),
  },
  statuses: { pattern: segment, ending: '', of: statusLogDocument },
}

export const askedRules = Object.fromEntries(
  Object.entries(asked).map(([kind, { pattern, ending, of }]): [string, ControlRule] => [
    kind,
    {
      find: async (directory, place, name, sources) => {
        const label = unescapeName(name)
        const base = baseOf(label, ending)
        if (base === undefined || !pattern.test(base))
          return pattern.test(label) && !label.includes('?') ? aliasEntry(name, `${name}?`) : undefined
        const document = of(base, place)
        const [text] = await sources.orNone(['not-found'], async () => [await sources.text(document)])
        return text && textEntry(directory, name, document, text)
      },
    },
  ]),
) as Record<AskedKind, ControlRule>

function baseOf(label: string, ending: string): string | undefined {
  return label.endsWith(ending) ? label.slice(0, label.length - ending.length) : undefined
}

/** The file by which the document is changed that a URI of REST names: of `kept?` that is `kept.xml`. */
export function keptName(place: ControlPlace, name: string): string {
  const { kind, of } = place
  if (!name.endsWith('?')) return name
  const own = name.slice(0, -1)
  if (kind === 'item' && own === '') return `${of}.xml`
  if (kind === 'item') return Object.hasOwn(itemDocuments[of](place), own) ? own : name
  return kind === 'saved' || kind === 'workflows' ? `${own}.xml` : name
}

/** The document that a file of this name is, where its name alone tells that. */
export function namedDocument(place: ControlPlace, name: string): Document | undefined {
  if (place.kind === 'item') {
    const documents = itemDocuments[place.of](place)
    return Object.hasOwn(documents, name) ? documents[name] : undefined
  }
  if (place.kind === 'prearchive-session') {
    const documents = sessionDocuments(place.prearchived as PrearchivedAddress)
    return Object.hasOwn(documents, name) ? documents[name] : undefined
  }
  if (place.kind === 'config-tool') {
    const label = unescapeName(name)
    return settingName.test(label) ? settingOf(place, label) : undefined
  }
  if (place.kind === 'roles') {
    const [, isHidden] = /^(true|false)\.csv$/.exec(name) ?? []
    return isHidden === undefined ? undefined : allUsersDocument(place.item.project!, isHidden === 'true')
  }
  if (!Object.hasOwn(asked, place.kind)) return undefined
  const { pattern, ending, of } = asked[place.kind as AskedKind]
  const base = baseOf(unescapeName(name), ending)
  return base !== undefined && pattern.test(base) ? of(base, place) : undefined
}
