// How much of everything: as the figures are stated, and as a test can afford.
import { mib } from './figures.mjs'

export const fullSizes = {
  seriesFiles: 680,
  smallFiles: 2000,
  scanFiles: 400,
  scanFileBytes: 512 * 1024,
  findResources: 10,
  findFiles: 200,
  sequentialBytes: 256 * mib,
  randomBytes: 1024 * mib,
  randomReads: 200,
  writeBytes: 1024 * mib,
  writeFiles: 500,
}

export const quickSizes = {
  seriesFiles: 16,
  smallFiles: 40,
  scanFiles: 8,
  scanFileBytes: 64 * 1024,
  findResources: 10,
  findFiles: 4,
  sequentialBytes: 4 * mib,
  randomBytes: 8 * mib,
  randomReads: 20,
  writeBytes: 4 * mib,
  writeFiles: 20,
}
