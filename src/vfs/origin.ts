import type { Archive } from '../archive/archive.js'
import { keepFolders } from './folders.js'
import type { LocalFile } from './local-file.js'

/**
 * Deletes the stored bytes of a file under the name it was renamed from, once it is stored under its new one. A file
 * that has got that name meanwhile is another one, and stays.
 */
export async function leaveOrigin(local: LocalFile, archive: Archive): Promise<void> {
  const { origin } = local
  if (!origin) return
  if (origin.parent.overlay.get(origin.name) === origin.hidden) {
    await archive.remove(origin.hidden.hidden)
    origin.parent.overlay.delete(origin.name)
    keepFolders(origin.parent, archive)
  }
  local.origin = undefined
}
