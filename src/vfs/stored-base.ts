import type { FileEntry } from '../archive/archive.js'
import type { FileReader, SizedFile } from '../data/file-reader.js'
import type { StagingBase } from '../data/staging-file.js'

export function sizedFile(file: FileEntry | undefined): SizedFile | undefined {
  return file && file.sizeBytes !== undefined ? { ...file, sizeBytes: file.sizeBytes } : undefined
}

export function baseOf(file: SizedFile, reader: FileReader): StagingBase {
  return {
    sizeBytes: file.sizeBytes,
    read: (offset, lengthBytes, signal) => reader.read(offset, lengthBytes, signal),
  }
}
