import { tableDocument } from '../../xnat/answer-documents.js'
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
import { cachePath, cachedResourcePath } from '../../xnat/user-cache-client.js'
import type { ControlKind, ControlPlace } from './control-place.js'
import { settingName, settingPathIn } from './settings.js'

type Listed = (place: ControlPlace, list: string, format: AnswerFormat | undefined) => Document | undefined

/** REST's lists of what is a directory in `.xnat`. */
const lists: Readonly<Partial<Record<ControlKind, Listed>>> = {
  cache: (_, list, format) => (list === 'resources' ? tableDocument(cachePath, format) : undefined),
  'cache-folder': ({ subject, folders }, list, format) =>
    list === 'files' && !folders ? tableDocument(`${cachedResourcePath(subject!)}/files`, format) : undefined,
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

/** @param format undefined = that which the server gives to who names none */
export function askedList(
  place: ControlPlace,
  list: string,
  format: AnswerFormat | undefined,
): Document | undefined {
  return lists[place.kind]?.(place, list, format)
}
