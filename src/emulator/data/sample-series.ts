import type { SourceFile } from './archive-builder.js'
import { instanceUid, phantomSlice, type SeriesDescription } from './phantom.js'

/** The files of a series, one a slice. */
export function dicomFiles(of: SeriesDescription): SourceFile[] {
  return Array.from({ length: of.slices }, (_, slice) => ({
    path: `${slice + 1}.dcm`,
    from: phantomSlice(of, slice),
    uid: instanceUid(of, slice),
    instanceNumber: String(slice + 1),
  }))
}
