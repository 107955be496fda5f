import { inForm, itemJsonDocument, listDocument } from '../../xnat/answer-documents.js'
import type { AnswerFormat } from '../../xnat/answer-documents.js'
import type { Document } from '../../xnat/documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { controlName } from '../layout.js'
import { unescapeName } from '../names.js'
import { listQuestion } from '../parameters.js'
import { askedEntry, controlDirectoryEntry } from './control-entries.js'
import type { ControlOwner, ControlPlace } from './control-place.js'
import { itemDocuments } from './item-documents.js'

const ofFiles = ['resources', 'files']
const ofSides = ['', 'in/', 'out/'].flatMap((side) => ofFiles.map((list) => side + list))

/** What REST lists of each level, as its paths have it. */
const lists: Readonly<Record<ControlOwner, readonly string[]>> = {
  root: ['projects', 'subjects', 'experiments', 'users', 'scan_types', 'scanners', 'investigators', 'config'],
  project: [
    'subjects',
    'experiments',
    'users',
    'groups',
    'pars',
    'scan_types',
    'pipelines',
    'config',
    ...ofFiles,
  ],
  subject: ['experiments', 'projects', ...ofFiles],
  experiment: ['scans', 'assessors', 'reconstructions', 'projects', 'DIR', ...ofFiles],
  assessor: ['projects', ...ofSides],
  scan: ofFiles,
  reconstruction: ofSides,
  resource: ['files'],
}

export function isListOf(level: string, list: string): boolean {
  return Object.hasOwn(lists, level) && lists[level as ControlOwner].includes(list)
}

/** `files?format=csv`, or `resources?`, in a view of several items or resources. */
export function viewAnswer(view: DirectoryEntry, name: string, document: Document): Entry {
  const place: ControlPlace = { level: 'control', kind: 'item', of: 'resource', item: {}, isView: true }
  return askedEntry(controlDirectoryEntry(view, controlName, place), name, document)
}

/** `scans?format=csv` in the `.xnat` of an experiment, and `?format=json` for the experiment itself: what curl gets. */
export function answerEntry(directory: DirectoryEntry, place: ControlPlace, name: string): Entry | undefined {
  const [, shown, question] = /^([^?]*)\?(.*)$/s.exec(name) ?? []
  const asked = question === undefined ? undefined : listQuestion(question)
  if (!asked) return undefined
  const list = unescapeName(shown!)
  const { of, item, resource } = place
  const { format, more } = asked
  if (list === '') return more.length === 0 ? itemAnswer(directory, place, name, format) : undefined
  // Where there is a file of it already, the name leads to that.
  const isFile = more.length === 0 && Object.hasOwn(itemDocuments[of](place), `${list}.${format}`)
  if (!isListOf(of, list) || isFile) return undefined
  return askedEntry(directory, name, listDocument({ item, resource, list }, format, more))
}

/** The item itself: its `.xnat` has it as XML. */
function itemAnswer(
  directory: DirectoryEntry,
  { of, item, ...place }: ControlPlace,
  name: string,
  format: AnswerFormat | undefined,
): Entry | undefined {
  const file = of === 'resource' ? 'catalog.xml' : `${of}.xml`
  const documents = itemDocuments[of]({ ...place, of, item })
  const document = Object.hasOwn(documents, file) ? documents[file] : undefined
  if (!document || format === 'csv') return undefined
  if (format === 'xml') return aliasEntry(name, file)
  // A catalog is XML only.
  if (of === 'resource') return format === undefined ? aliasEntry(name, file) : undefined
  const asked = format === 'json' ? itemJsonDocument(item) : inForm(document, format)
  return askedEntry(directory, name, asked ?? document)
}
