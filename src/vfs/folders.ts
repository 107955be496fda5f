import type { Archive } from '../archive/archive.js'
import type { Node } from './node.js'

/** Makes a folder exist here whether or not it has files on the server. */
export function keepFolder(folder: Node): void {
  folder.isLocalFolder = true
  folder.parent?.overlay.set(folder.name, folder)
}

/** XNAT drops a folder with its last file; whoever deletes that file goes on to find, or remove, the folder. */
export function keepFolders(folder: Node, archive: Pick<Archive, 'keepsEmpty'>): void {
  for (let node = folder; node.parent && !archive.keepsEmpty(node.parent.directory); node = node.parent) {
    keepFolder(node)
  }
}
