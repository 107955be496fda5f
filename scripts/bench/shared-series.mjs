// A real DICOM series, where the data beside the project exist (as test/support/data-sets.ts finds them).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The largest series of the data set: the paths of its files; undefined without the data. */
export function sharedSeries(repository) {
  const data = join(process.env.XNATFS_SHARED ?? join(repository, '..', 'shared'), 'data')
  const manifest = join(data, 'dev.manifest.json')
  if (!existsSync(manifest)) return undefined
  const { set, projects } = JSON.parse(readFileSync(manifest, 'utf8'))
  const resources = projects
    .flatMap(({ subjects }) => subjects)
    .flatMap(({ experiments }) => experiments)
    .flatMap(({ scans }) => scans)
    .flatMap((scan) => scan.resources.filter(({ label }) => label === 'DICOM'))
  const largest = resources.toSorted((a, b) => b.files.length - a.files.length)[0]
  return largest.files.map(({ name, local }) => ({ name, path: join(data, set, local) }))
}
