import { tableDocument } from './answer-documents.js'
import type { AnswerFormat } from './answer-documents.js'
import type { Document } from './documents.js'
import { prearchivedFilesPath, prearchivedPath, scanPath } from './prearchive-client.js'
import type { PrearchivedAddress, PrearchivedResourceAddress } from './prearchive-client.js'
import { settingDocument, settingPath, settingsPath } from './settings-documents.js'
import { cachedResourcePath } from './user-cache-client.js'

/** Lists of REST beside those of items and their files. */

export function savedSearchesDocument(format: AnswerFormat | undefined): Document {
  return tableDocument('/data/search/saved', format)
}

/** @param tool and a path, where it is of one thing that the tool keeps, for a project or for the site */
export function settingsDocument(
  project: string | undefined,
  tool: string,
  format: AnswerFormat | undefined,
): Document {
  return tableDocument(`${settingsPath(project)}/${tool}`, format)
}

/** Of one thing that a tool keeps, as REST has it by its path alone; what is written there is its text. */
export function settingAnswerDocument(project: string | undefined, tool: string, path: string): Document {
  const { change } = settingDocument(project, tool, path)
  return { ...tableDocument(settingPath(project, tool, path), undefined), ...(change && { change }) }
}

/** The files in a folder of the user. */
export function cachedResourceDocument(resource: string): Document {
  return tableDocument(cachedResourcePath(resource), 'csv')
}

export function prearchivedScansDocument(
  session: PrearchivedAddress,
  format: AnswerFormat | undefined,
): Document {
  return tableDocument(`${prearchivedPath(session)}/scans`, format)
}

export function prearchivedScanResourcesDocument(
  session: PrearchivedAddress,
  scan: string,
  format: AnswerFormat | undefined,
): Document {
  return tableDocument(`${scanPath(session, scan)}/resources`, format)
}

export function prearchivedFilesDocument(
  resource: PrearchivedResourceAddress,
  format: AnswerFormat | undefined,
): Document {
  return tableDocument(prearchivedFilesPath(resource), format)
}
