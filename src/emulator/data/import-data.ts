import { stat } from 'node:fs/promises'
import type { ImportTarget } from './archive-builder.js'
import { importDicomFolder } from './import-dicom.js'
import { importManifest } from './import-manifest.js'
import { buildSample } from './sample-data.js'

/** Fills an empty archive: from a manifest, from a folder of DICOM files, or with the generated sample. */
export async function importData(target: ImportTarget, data: string | undefined): Promise<void> {
  if (data === undefined) return buildSample(target)
  const info = await stat(data).catch(() => undefined)
  if (!info)
    throw new Error(`data ${data} does not exist; give a manifest (.json) or a folder of DICOM files`)
  if (info.isDirectory()) return importDicomFolder(target, data)
  if (data.endsWith('.json')) return importManifest(target, data)
  throw new Error(`data ${data} is neither a manifest (.json) nor a folder of DICOM files`)
}
