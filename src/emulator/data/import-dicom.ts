import { open, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import dicomParser from 'dicom-parser'
import type { Experiment, Fields, Subject } from '../store/model.js'
import { scanTypeOf, sessionTypeOf } from '../store/xsi-types.js'
import { ArchiveBuilder, type ImportTarget, type SourceFile } from './archive-builder.js'

/** Any folder of DICOM files, sorted by what the headers say: patient, study, series. */

/** Headers are read in steps: nearly all fit the first. */
const HEAD_SIZES = [64 * 1024, 1024 * 1024, 32 * 1024 * 1024]
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'

export interface Header {
  readonly path: string
  readonly patientId: string
  readonly studyUid: string
  readonly seriesUid: string
  readonly text: (tag: string) => string | undefined
}

export async function importDicomFolder(target: ImportTarget, folder: string): Promise<void> {
  const headers: Header[] = []
  let skipped = 0
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths.sort()) {
    const header = await readHeader(path)
    if (header) headers.push(header)
    else skipped++
  }
  if (skipped > 0) {
    process.stderr.write(
      `embedded XNAT: ${skipped} of ${paths.length} files in ${folder} are not DICOM, skipped\n`,
    )
  }
  if (headers.length === 0)
    throw new Error(`data ${folder} holds no DICOM files; give another folder or a manifest`)
  await new DicomImporter(new ArchiveBuilder(target), resolve(folder)).run(headers)
}

/** The tags an import needs, read up to the pixels; undefined for what is no DICOM file. */
export async function readHeader(path: string): Promise<Header | undefined> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    for (const limit of HEAD_SIZES) {
      const length = Math.min(limit, size)
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0)
      const header = bytesRead > 132 ? parseHeader(path, buffer) : undefined
      if (header) return header
      if (length === size || bytesRead < 132 || buffer.toString('latin1', 128, 132) !== 'DICM')
        return undefined
    }
    return undefined
  } finally {
    await file.close()
  }
}

/** Only these are kept of each file: a whole archive of headers must fit in memory. */
const TAGS = [
  'x00080016',
  'x00080018',
  'x00080020',
  'x00080030',
  'x00080031',
  'x00080060',
  'x00080070',
  'x00080080',
  'x00081010',
  'x00081030',
  'x0008103e',
  'x00081090',
  'x00100010',
  'x00100020',
  'x00100040',
  'x00180080',
  'x00180081',
  'x00180087',
  'x00181030',
  'x00181314',
  'x0020000d',
  'x0020000e',
  'x00200011',
  'x00200013',
  'x00280008',
]

function parseHeader(path: string, bytes: Buffer): Header | undefined {
  let values: Map<string, string>
  try {
    const data = dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' })
    const pairs = TAGS.flatMap((tag) => {
      const value = data.string(tag)?.trim()
      return value ? [[tag, value] as const] : []
    })
    values = new Map(pairs)
  } catch {
    return undefined
  }
  const studyUid = values.get('x0020000d')
  const seriesUid = values.get('x0020000e')
  if (studyUid === undefined || seriesUid === undefined) return undefined
  const patientId = values.get('x00100020') ?? values.get('x00100010') ?? 'Unknown'
  return { path, patientId, studyUid, seriesUid, text: (tag) => values.get(tag) }
}

/** Characters that labels may have; a name that is taken gets a number. */
class Labels {
  readonly #taken = new Set<string>()

  unique(wanted: string): string {
    const base = wanted.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+|_+$/g, '') || 'Unknown'
    let label = base
    for (let number = 2; this.#taken.has(label); number++) label = `${base}_${number}`
    this.#taken.add(label)
    return label
  }
}

export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}

class DicomImporter {
  readonly #builder: ArchiveBuilder
  readonly #folder: string

  constructor(builder: ArchiveBuilder, folder: string) {
    this.#builder = builder
    this.#folder = folder
  }

  async run(headers: readonly Header[]): Promise<void> {
    const name = basename(this.#folder)
    const project = this.#builder.project(new Labels().unique(name), { name })
    const subjectLabels = new Labels()
    const sessionLabels = new Labels()
    for (const [patientId, ofPatient] of groupBy(headers, (header) => header.patientId)) {
      const subject = this.#builder.subject(project, subjectLabels.unique(patientId))
      const sex = ofPatient[0]!.text('x00100040')
      if (sex === 'M' || sex === 'F') subject.fields['gender'] = sex === 'M' ? 'male' : 'female'
      for (const ofStudy of groupBy(ofPatient, (header) => header.studyUid).values()) {
        await this.#study(ofStudy, subject, sessionLabels)
      }
    }
  }

  async #study(headers: readonly Header[], subject: Subject, labels: Labels): Promise<void> {
    const first = headers[0]!
    const modality = first.text('x00080060') ?? 'OT'
    const label = labels.unique(`${subject.label}_${modality}1`)
    const session = this.#builder.experiment(subject, label, sessionTypeOf(modality))
    session.fields = sessionFields(first, modality)
    const taken = new Set<string>()
    for (const series of groupBy(headers, (header) => header.seriesUid).values()) {
      await this.#series(series, session, taken)
    }
  }

  async #series(headers: readonly Header[], session: Experiment, taken: Set<string>): Promise<void> {
    const first = headers[0]!
    const modality = first.text('x00080060') ?? 'OT'
    const id = scanId(first.text('x00200011'), modality, taken)
    const scan = this.#builder.scan(session, id, scanTypeOf(modality))
    scan.type = first.text('x0008103e') ?? first.text('x00181030') ?? null
    scan.fields = scanFields(first, modality, headers.length)
    const secondary = first.text('x00080016')?.startsWith(SECONDARY_CAPTURE) ?? false
    const spec = {
      label: secondary ? 'secondary' : 'DICOM',
      format: 'DICOM',
      content: secondary ? 'secondary' : 'RAW',
      seriesUid: first.seriesUid,
    }
    await this.#builder.resource({ kind: 'scan', session, scan }, spec, sourceFiles(headers))
  }
}

/** The series number; another series of the same number gets a name of its own, as XNAT does (`2-MR1`). */
export function scanId(number: string | undefined, modality: string, taken: Set<string>): string {
  const base = number ?? '0'
  let id = base
  for (let count = 1; taken.has(id); count++) id = `${base}-${modality}${count}`
  taken.add(id)
  return id
}

/** No file is lost: a name that occurs twice gets a number before its extension. */
export function sourceFiles(headers: readonly Header[]): SourceFile[] {
  const taken = new Set<string>()
  return headers.map((header) => {
    const name = basename(header.path)
    const dot = name.lastIndexOf('.')
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
    let unique = name
    for (let count = 2; taken.has(unique); count++) unique = `${stem}-${count}${extension}`
    taken.add(unique)
    return {
      path: unique,
      from: header.path,
      uid: header.text('x00080018') ?? '',
      instanceNumber: header.text('x00200013'),
    }
  })
}

function present(values: Readonly<Record<string, string | number | undefined>>): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(values)) if (value !== undefined) fields[name] = value
  return fields
}

function isoDate(date: string | undefined): string | undefined {
  return date !== undefined && /^\d{8}/.test(date)
    ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}`
    : undefined
}

function isoTime(time: string | undefined): string | undefined {
  return time !== undefined && /^\d{6}/.test(time)
    ? `${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6)}`
    : undefined
}

function numeric(text: string | undefined): number | undefined {
  const value = Number(text?.split('\\')[0])
  return text === undefined || Number.isNaN(value) ? undefined : value
}

function sessionFields(header: Header, modality: string): Fields {
  return present({
    date: isoDate(header.text('x00080020')),
    time: isoTime(header.text('x00080030')),
    modality,
    UID: header.studyUid,
    session_type: header.text('x00081030'),
    acquisition_site: header.text('x00080080'),
    scanner: header.text('x00081010'),
    'scanner/manufacturer': header.text('x00080070'),
    'scanner/model': header.text('x00081090'),
    fieldStrength: header.text('x00180087'),
    dcmPatientId: header.text('x00100020'),
    dcmPatientName: header.text('x00100010'),
  })
}

function scanFields(header: Header, modality: string, files: number): Fields {
  return present({
    series_description: header.text('x0008103e'),
    quality: 'usable',
    UID: header.seriesUid,
    modality,
    frames: numeric(header.text('x00280008')) ?? files,
    startTime: isoTime(header.text('x00080031')),
    protocol: header.text('x00181030'),
    fieldStrength: header.text('x00180087'),
    'parameters/tr': numeric(header.text('x00180080')),
    'parameters/te': numeric(header.text('x00180081')),
    'parameters/flip': numeric(header.text('x00181314')),
  })
}
