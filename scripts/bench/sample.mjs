// The files that are read: made here, served by the embedded XNAT and by WebDAV, and lying on the local disk.
import { randomFillSync } from 'node:crypto'
import { copyFileSync, mkdirSync, openSync, closeSync, writeFileSync, writeSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { mib } from './figures.mjs'
import { sharedSeries } from './shared-series.mjs'

const project = 'BENCH'
const subject = 'S1'
/** An empty session for what is written. */
export const writeSession = 'WRITE'

/** One resource, wherever it is. */
class DataSet {
  constructor(root, session, scan, resource) {
    Object.assign(this, { session, scan, resource, names: [] })
    this.localPath = join(root, session, scan, resource)
    mkdirSync(this.localPath, { recursive: true })
  }

  /** From the mountpoint of xnatfs. */
  get mountedPath() {
    return join(project, subject, this.session, 'scans', this.scan, this.resource)
  }

  /** From the root of the WebDAV server. */
  get webdavPath() {
    return join(this.session, this.scan, this.resource)
  }

  /** From the URL of the server. */
  get restPath() {
    return `${sessionPath(this.session)}/scans/${this.scan}/resources/${this.resource}/files`
  }

  get sizeBytes() {
    return this.names.reduce((sum, name) => sum + statSync(join(this.localPath, name)).size, 0)
  }

  add(name, bytes) {
    writeFileSync(join(this.localPath, name), bytes)
    this.names.push(name)
  }

  addRandom(name, sizeBytes) {
    writeRandomFile(join(this.localPath, name), sizeBytes)
    this.names.push(name)
  }

  addCopy(name, path) {
    copyFileSync(path, join(this.localPath, name))
    this.names.push(name)
  }
}

export const sessionPath = (session) => `/data/projects/${project}/subjects/${subject}/experiments/${session}`
export const mountedSessionPath = (session) => join(project, subject, session)

export function writeRandomFile(path, sizeBytes) {
  const chunk = Buffer.allocUnsafe(Math.min(sizeBytes, mib))
  const file = openSync(path, 'w')
  for (let left = sizeBytes; left > 0; left -= chunk.length) {
    randomFillSync(chunk)
    writeSync(file, chunk, 0, Math.min(left, chunk.length))
  }
  closeSync(file)
}

/**
 * Makes the data sets that the rows name, and a manifest for `xnatfs serve --data`.
 * @param wanted names of data sets
 */
export async function makeSample(folder, repository, sizes, wanted) {
  const root = join(folder, 'files')
  const many = (count, each) => Array.from({ length: count }, (_, index) => each(String(index + 1)))
  const makers = {
    series: async () => [await makeSeries(new DataSet(root, 'SERIES', '1', 'DICOM'), sizes, repository)],
    'series-10x': async () => [
      await makePhantom(new DataSet(root, 'SERIES10', '1', 'DICOM'), sizes.seriesFiles * 10),
    ],
    small: () => [filled(new DataSet(root, 'SMALL', '1', 'DATA'), sizes.smallFiles, 4096)],
    scan: () => [filled(new DataSet(root, 'SCAN', '1', 'DICOM'), sizes.scanFiles, sizes.scanFileBytes)],
    find: () =>
      many(sizes.findResources, (scan) =>
        filled(new DataSet(root, 'MANY', scan, 'DATA'), sizes.findFiles, 100),
      ),
    sequential: () => [filled(new DataSet(root, 'SEQUENTIAL', '1', 'DATA'), 1, sizes.sequentialBytes)],
    random: () => [filled(new DataSet(root, 'RANDOM', '1', 'DATA'), 1, sizes.randomBytes)],
  }
  const sets = {}
  for (const name of wanted) sets[name] = await makers[name]()
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, JSON.stringify(manifestOf(Object.values(sets).flat())))
  return { sets, root, manifest, isRealSeries: sharedSeries(repository) !== undefined }
}

function filled(set, count, sizeBytes) {
  for (let i = 0; i < count; i++) set.addRandom(`file-${String(i).padStart(5, '0')}.bin`, sizeBytes)
  return set
}

/** The real series where there is one and the sizes are the real ones; else a phantom of as many files. */
async function makeSeries(set, sizes, repository) {
  const real = sharedSeries(repository)
  if (!real) return makePhantom(set, sizes.seriesFiles)
  for (const { name, path } of real.slice(0, sizes.seriesFiles)) set.addCopy(name, path)
  return set
}

async function makePhantom(set, slices) {
  const { phantomSlice } = await import('../../dist/emulator/data/phantom.js')
  const description = {
    patientId: subject,
    patientName: 'Phantom^Bench',
    studyId: set.session,
    studyDescription: 'Bench',
    number: 1,
    description: 'T1 axial',
    contrast: 'T1',
    slices,
  }
  for (let slice = 0; slice < slices; slice++)
    set.add(`${String(slice + 1).padStart(5, '0')}.dcm`, phantomSlice(description, slice))
  return set
}

function manifestOf(sets) {
  const sessions = new Map()
  for (const set of sets) sessions.set(set.session, [...(sessions.get(set.session) ?? []), set])
  const experiment = (label, scans) => ({ label, xsiType: 'xnat:mrSessionData', scans })
  const experiments = [...sessions].map(([session, sets]) => experiment(session, sets.map(scanOf)))
  const subjects = [{ label: subject, experiments: [...experiments, experiment(writeSession, [])] }]
  return { set: 'files', projects: [{ ID: project, subjects }] }
}

function scanOf({ session, scan, resource, names }) {
  const isDicom = resource === 'DICOM'
  const files = names.map((name) => ({ name, local: `${session}/${scan}/${resource}/${name}` }))
  const spec = { label: resource, ...(isDicom && { format: 'DICOM', content: 'RAW' }) }
  return { ID: scan, xsiType: 'xnat:mrScanData', type: 'BENCH', resources: [{ ...spec, files }] }
}
