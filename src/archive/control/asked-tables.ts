import { inForm } from '../../xnat/answer-documents.js'
import type { AnswerFormat } from '../../xnat/answer-documents.js'
import type { Document } from '../../xnat/documents.js'
import {
  prearchivedFilesDocument,
  prearchivedScanResourcesDocument,
  prearchivedScansDocument,
  savedSearchesDocument,
  settingsDocument,
} from '../../xnat/list-documents.js'
import type { PrearchivedAddress, PrearchivedResourceAddress } from '../../xnat/prearchive-client.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { unescapeName } from '../names.js'
import { unreadEntry } from './control-entries.js'
import type { ControlKind, ControlPlace } from './control-place.js'
import type { Documents } from './item-documents.js'
import { namedDocument } from './named-documents.js'
import { settingName, settingPathIn } from './settings.js'

type Listed = (place: ControlPlace, list: string, format: AnswerFormat) => Document | undefined

/** REST's lists of what is a directory in `.xnat`. */
const lists: Readonly<Partial<Record<ControlKind, Listed>>> = {
  search: (_, list, format) => (list === 'saved' ? savedSearchesDocument(format) : undefined),
  config: ({ item }, list, format) =>
    settingName.test(list) && !list.includes('/') ? settingsDocument(item.project, list, format) : undefined,
  'config-tool': (place, path, format) =>
    settingName.test(path)
      ? settingsDocument(place.item.project, `${place.subject!}/${settingPathIn(place, path)}`, format)
      : undefined,
  'prearchive-session': ({ prearchived }, list, format) =>
    list === 'scans' ? prearchivedScansDocument(prearchived as PrearchivedAddress, format) : undefined,
  'prearchive-scan': ({ prearchived }, list, format) =>
    list === 'resources'
      ? prearchivedScanResourcesDocument(prearchived as PrearchivedAddress, prearchived!.scan!, format)
      : undefined,
  'prearchive-folder': ({ prearchived }, list, format) =>
    list === 'files' && prearchived!.folders!.length === 0
      ? prearchivedFilesDocument(prearchived as PrearchivedResourceAddress, format)
      : undefined,
}

/**
 * A list, or a table in another form than that of its file: what curl gets.
 * @param documents that are always there
 */
export function askedTable(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  documents: Documents,
): Entry | undefined {
  const [, list, form] = /^([^?]+)\?(?:format=(json|csv|xml))?$/.exec(name) ?? []
  if (list === undefined) return undefined
  const format = (form ?? 'json') as AnswerFormat
  const listed = lists[place.kind]?.(place, unescapeName(list), format)
  if (listed) return unreadEntry(directory, name, listed)
  if (form === undefined) return undefined
  for (const file of [list, `${list}.csv`]) {
    const table = Object.hasOwn(documents, file) ? documents[file] : namedDocument(place, file)
    const asked = table && inForm(table, format)
    if (asked) return asked === table ? aliasEntry(name, file) : unreadEntry(directory, name, asked)
  }
  return undefined
}
