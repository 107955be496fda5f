import { dicomDirPath } from '../../xnat/packed-paths.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { resourcePart, resourcesOf } from '../resources.js'
import type { Sources } from '../sources.js'
import { packedFiles } from '../zip-entries.js'
import type { ControlPlace } from './control-place.js'

export const dicomDirName = 'DICOMDIR.zip'

/** The DICOM files of a scan with their index, as the server packs them; undefined where there are none. */
export async function dicomDirEntry(
  directory: DirectoryEntry,
  { item }: ControlPlace,
  sources: Sources,
): Promise<Entry | undefined> {
  if (!sources.zips) return undefined
  const resources = (await resourcesOf(item, sources)).filter(({ format }) => format === 'DICOM')
  const parts = resources.map((resource) => resourcePart(item, resource))
  const packing = { url: dicomDirPath(item), parts, mtimeMs: directory.mtimeMs, hasIndex: true }
  return packedFiles(dicomDirName, packing, sources)
}
