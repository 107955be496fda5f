import { inForm } from '../../xnat/answer-documents.js'
import type { AnswerFormat } from '../../xnat/answer-documents.js'
import { pipelineDocument, savedSearchDocument, userDocument } from '../../xnat/documents.js'
import type { Document } from '../../xnat/documents.js'
import { cachedResourceDocument } from '../../xnat/list-documents.js'
import { groupDocument } from '../../xnat/settings-documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { unescapeName } from '../names.js'
import { askedOf, formatOf } from '../questions.js'
import type { Asked } from '../questions.js'
import { askedList } from './asked-lists.js'
import { belowDocument } from './below-documents.js'
import { askedEntry } from './control-entries.js'
import type { ControlFilePlace, ControlKind, ControlPlace } from './control-place.js'
import type { Documents } from './item-documents.js'
import { namedDocument } from './named-documents.js'
import { settingOf } from './settings.js'

/** A path from the directory, or a document where there is something of the name. */
type Elsewhere = (
  asked: Asked,
  format: string | undefined,
  place: ControlPlace,
) => string | Document | undefined

/** Documents that do not lie beside the directory that has the same path in REST, or whose question says where. */
const elsewhere: Readonly<Partial<Record<ControlKind, Elsewhere>>> = {
  item: ({ name, question }, format, { of }) =>
    of === 'root' && name === 'user' && isForm(format) ? `logins?${question}` : undefined,
  services: ({ name, question }) => (name === 'sessions' && question === '' ? '../sessions?' : undefined),
  'service-workflows': ({ name, question }) => {
    const [, experiment, form] = /^experiment=([^&]+)(?:&(format=xml))?$/.exec(question) ?? []
    return experiment && `../../../experiments/${experiment}/.xnat/workflows/${name}?${form ?? ''}`
  },
  element: ({ name }, format) => (name === 'versions' && format === 'xml' ? name : undefined),
  search: ({ name, question }) => (name.startsWith('_') ? `cached/${name}?${question}` : undefined),
  prearchive: ({ name, question }, format) => {
    if (name !== 'experiments')
      return isForm(format) ? `../../${name}/.xnat/prearchive?${question}` : undefined
    const [, form] = /^recent=true(?:&(.*))?$/.exec(question) ?? []
    return /^recent=true(&|$)/.test(question) ? `../prearchive-recent?${form ?? ''}` : undefined
  },
  'config-tool': ({ name, question }, format, place) => {
    const isSpecification = name === 'archive_spec' && place.item.project === undefined
    if (isSpecification && (format === '' || format === 'xml')) return name
    return question === 'contents=true' ? settingOf(place, unescapeName(name)) : undefined
  },
  protocols: ({ name, question }) => {
    const [, form] = /^dataType=[^&]+(?:&(format=xml))?$/.exec(question) ?? []
    return /^dataType=[^&]+(&format=xml)?$/.test(question) ? `${name}?${form ?? ''}` : undefined
  },
  'prearchive-time': ({ name, question }, format) =>
    isForm(format) ? `${name}/session?${question}` : undefined,
}

/** Where every name may be one that somebody is about to give, or what has an ending is something else. */
const ownNames: ReadonlySet<ControlKind> = new Set(['run', 'saved', 'cache', 'cache-folder', 'config-tool'])
/** Where a name is that of somebody or something, and an ending is a part of it. */
const withoutEndings: ReadonlySet<ControlKind> = new Set(['statuses', 'user-sessions'])
const endings = ['csv', 'xml', 'json']

/** Documents of what a list has: nobody is asked for them before they are opened. */
const listed: Readonly<Partial<Record<ControlKind, (name: string, place: ControlPlace) => Document>>> = {
  groups: (id, { item }) => groupDocument(item.project!, id),
  pipelines: (name, { item }) => pipelineDocument(item.project!, name),
  users: userDocument,
  saved: savedSearchDocument,
  cache: cachedResourceDocument,
}

/** Where a question is asked, and what is known of it. */
interface Asking {
  readonly directory: DirectoryEntry
  readonly place: ControlPlace
  /** With the question. */
  readonly name: string
  /** Undefined = the server's own choice. */
  readonly form: AnswerFormat | undefined
}

/**
 * What a name with a `?` in it stands for, in `.xnat`: the answer to the URI, in the form that it names, and where it names
 * none in that which the server gives then.
 * @param documents that are always there
 * @param find an entry of this name without a question, where there is one
 */
export async function controlQuestion(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  documents: Documents,
  find: (name: string) => Promise<Entry | undefined>,
): Promise<Entry | undefined> {
  const asked = askedOf(name)
  if (!asked) return undefined
  const format = formatOf(asked.question)
  const target = elsewhere[place.kind]?.(asked, format, place)
  if (typeof target === 'object') return (await find(asked.name)) && askedEntry(directory, name, target)
  if (target !== undefined) {
    const file = /[/?]/.test(target) ? undefined : await find(target)
    return askedOfFile(directory, name, file) ?? aliasEntry(name, target)
  }
  if (format === undefined) return undefined
  const form = format === '' || format === 'zip' ? undefined : (format as AnswerFormat)
  const asking: Asking = { directory, place, name, form }
  if (format !== 'zip') {
    const list = askedList(place, unescapeName(asked.name), form)
    if (list) return askedEntry(directory, name, list)
    const known = await knownDocument(asking, asked.name, documents, find)
    if (known) return known
  }
  if (ownNames.has(place.kind)) return undefined
  const entry = format === '' ? await find(asked.name) : undefined
  if (entry && isDocument(entry)) return askedOfFile(directory, name, entry) ?? aliasEntry(name, asked.name)
  if (withoutEndings.has(place.kind)) return undefined
  for (const ending of format === 'zip' ? ['zip'] : endings) {
    const path = `${asked.name}.${ending}`
    // A directory may have any name.
    const found = await find(path)
    if (!found || found.kind === 'directory') continue
    const answer = format === 'zip' ? aliasEntry(name, path) : answered(asking, path, documentOf(found))
    if (answer) return answer
  }
  return undefined
}

/** Of a document that is known by the name alone, or by that and a list. */
async function knownDocument(
  asking: Asking,
  name: string,
  documents: Documents,
  find: (name: string) => Promise<Entry | undefined>,
): Promise<Entry | undefined> {
  const { place, form } = asking
  const below = belowDocument(place, name)
  if (below) return answered(asking, name, below)
  const ofList = listed[place.kind]
  if (ofList) {
    const found = await find(name)
    const isListed = found?.kind === 'symlink' ? found.target === `${name}?` : isBelow(found)
    const label = unescapeName(name)
    return isListed ? askedIn(asking, ofList(label, place)) : undefined
  }
  if (ownNames.has(place.kind)) return undefined
  const files = withoutEndings.has(place.kind)
    ? []
    : [`${name}.${form ?? 'csv'}`, ...endings.map((ending) => `${name}.${ending}`)]
  for (const file of [...files, name]) {
    const document = Object.hasOwn(documents, file) ? documents[file] : namedDocument(place, file)
    const answer = answered(asking, file, document)
    if (answer) return answer
  }
  return undefined
}

/** @param file in which it is kept */
function answered(asking: Asking, file: string, document: Document | undefined): Entry | undefined {
  const { form } = asking
  if (!document) return undefined
  const asked = inForm(document, form)
  // Of one form only.
  if (!asked && form !== undefined && !file.endsWith(`.${form}`)) return undefined
  return askedIn(asking, document)
}

function askedIn({ directory, name, form }: Asking, document: Document): Entry {
  return askedEntry(directory, name, inForm(document, form) ?? document)
}

function isForm(format: string | undefined): boolean {
  return format !== undefined && format !== 'zip'
}

function isBelow(entry: Entry | undefined): boolean {
  return entry?.kind === 'directory' && (entry.place as ControlPlace).subject !== undefined
}

function askedOfFile(directory: DirectoryEntry, name: string, file: Entry | undefined): Entry | undefined {
  const document = file && documentOf(file)
  return document && askedEntry(directory, name, document)
}

function documentOf(entry: Entry): Document | undefined {
  return entry.kind === 'file' ? (entry.place as Partial<ControlFilePlace>).document : undefined
}

function isDocument(entry: Entry): boolean {
  if (entry.kind === 'symlink') return /\.(?:csv|xml|json|zip)$/.test(entry.target ?? '')
  return documentOf(entry) !== undefined
}
