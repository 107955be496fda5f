import { filesDocument, resourcesDocument } from '../xnat/answer-documents.js'
import type { DirectoryEntry, Entry } from './archive.js'
import { isListOf, viewAnswer } from './control/answers.js'
import { controlAlias } from './control/control-aliases.js'
import { isSlashed } from './control/slashed-questions.js'
import { itemDocuments } from './control/item-documents.js'
import { aliasEntry } from './entries.js'
import { controlName, isTree, levels, placeOf } from './layout.js'
import type { ItemPlace } from './layout.js'
import { escapeName } from './names.js'
import { listQuestion } from './parameters.js'
import { parseQuery } from './query.js'
import type { Queried } from './query.js'
import { selectionOf } from './selections.js'

/**
 * URIs of REST with their questions, as they are pasted: `subjects?label=S1`, `DICOM/files?format=zip`. What REST has as a
 * document and as a directory of more is the directory by its path, and the document with a `?` behind it: `user?`.
 */
export interface Asked {
  /** What stands before the question. */
  readonly name: string
  readonly question: string
}

export function askedOf(name: string): Asked | undefined {
  const at = name.lastIndexOf('?')
  return at > 0 ? { name: name.slice(0, at), question: name.slice(at + 1) } : undefined
}

/** The form in which a document is asked for, '' where any will do; undefined where the question is another one. */
export function formatOf(question: string): string | undefined {
  return question === '' ? '' : /^format=(xml|csv|json|html|zip)$/.exec(question)?.[1]
}

/**
 * In a directory of items.
 * @param find an entry of this name without a question, where there is one
 */
export async function questionEntry(
  directory: DirectoryEntry,
  name: string,
  find: (name: string) => Promise<Entry | undefined>,
): Promise<Entry | undefined> {
  const asked = askedOf(name)
  if (!asked) return undefined
  const target =
    selectedBy(directory, asked) ?? slashedAt(directory, name) ?? (await documentAt(directory, asked, find))
  return target === undefined ? undefined : aliasEntry(name, target)
}

/** In a resource, where names are many: known without asking anybody. */
export function filesQuestion(directory: DirectoryEntry, name: string): Entry | undefined {
  const place = placeOf(directory)
  if (!name.startsWith('files?') || !isTree(place) || place.path.length > 0) return undefined
  const question = name.slice('files?'.length)
  const format = formatOf(question)
  if (format === 'zip') return aliasEntry(name, `../${directory.name}.zip`)
  if (place.level === 'resource') {
    return listQuestion(question) ? aliasEntry(name, `${controlName}/files?${question}`) : undefined
  }
  const asked = listQuestion(question)
  const addresses = place.parts.map(({ address }) => address)
  const document = asked && filesDocument(addresses, place.selected, asked.format, asked.more)
  return document && viewAnswer(directory, name, document)
}

/** In a view of several items. */
export function resourcesQuestion(view: DirectoryEntry, name: string): Entry | undefined {
  const asked = listQuestion(name.slice('resources?'.length))
  const document = asked && resourcesDocument(selectionOf(view), asked.format, asked.more)
  return document && viewAnswer(view, name, document)
}

/** The directory of what filters of REST select. */
function selectedBy(directory: DirectoryEntry, { name, question }: Asked): string | undefined {
  const { level } = placeOf(directory) as ItemPlace
  const { selfLinks, fixed } = levels[level]
  const isList = selfLinks.includes(name) || Object.hasOwn(fixed, name)
  const isQueried = isList && (name === 'subjects' || name === 'experiments')
  return isQueried && parseQuery(name satisfies Queried, question) ? `${name}/${question}` : undefined
}

/** A question with slashes in it, of which this may be the beginning. */
function slashedAt(directory: DirectoryEntry, name: string): string | undefined {
  const place = placeOf(directory) as ItemPlace
  return !place.isView && isSlashed(place.level, name) ? `${controlName}/${name}` : undefined
}

async function documentAt(
  directory: DirectoryEntry,
  { name, question }: Asked,
  find: (name: string) => Promise<Entry | undefined>,
): Promise<string | undefined> {
  const format = formatOf(question)
  if (format === undefined) return listQuestion(question) && listAt(directory, name, question)
  if (format === 'zip') return (await find(`${name}.zip`)) && `${name}.zip`
  const found = await find(name)
  if (found && isItem(found)) return `${name}/${controlName}/?${question}`
  const { level } = placeOf(directory) as ItemPlace
  const isBeside = controlAlias(level, name) !== undefined && name !== 'projects'
  if (isBeside) return `${controlName}/${name}?${question}`
  return listAt(directory, name, question)
}

/** What the server answers to a list of the item. */
function listAt(directory: DirectoryEntry, name: string, question: string): string | undefined {
  const { level, item, isView } = placeOf(directory) as ItemPlace
  if (isListOf(level, name)) return `${controlName}/${name}?${question}`
  const { side } = item
  const isOfSide = level === 'side' && side !== undefined && !isView && isListOf('scan', name)
  return isOfSide ? `../${controlName}/${escapeName(`${side}/${name}`)}?${question}` : undefined
}

/** Whether its `.xnat` has the document of it. */
function isItem(entry: Entry): boolean {
  const place = placeOf(entry)
  if (place.level === 'link') return place.item.experiment !== undefined || place.item.subject !== undefined
  return entry.kind === 'directory' && place.level !== 'root' && Object.hasOwn(itemDocuments, place.level)
}
