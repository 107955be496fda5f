import dicomParser from 'dicom-parser'
import { EXPLICIT_LITTLE_ENDIAN, elementBytes, fileHead, type DicomElement } from './dicom-writer.js'

/** DICOMDIR: the index of a set of DICOM files (PS3.3 annex F), of as much as the files' own headers tell. */

const MEDIA_STORAGE_DIRECTORY = '1.2.840.10008.1.3.10'
const ITEM_HEAD_BYTES = 8

export interface IndexedFile {
  /** Its path in the set, with slashes. */
  readonly path: string
  readonly bytes: Buffer
}

interface Record {
  readonly type: 'PATIENT' | 'STUDY' | 'SERIES' | 'IMAGE'
  /** What tells it from its siblings. */
  readonly key: string
  readonly keys: readonly DicomElement[]
  readonly children: Record[]
  /** Where it begins in the file. */
  offset: number
}

type Tags = (tag: string) => string

/** @param uid of the index itself */
export function dicomDirectory(files: readonly IndexedFile[], uid: string): Buffer {
  const roots: Record[] = []
  for (const file of files) addFile(roots, file)
  const head = fileHead(MEDIA_STORAGE_DIRECTORY, uid)
  const records = inOrder(roots)
  // Offsets are numbers of four bytes: what they say does not change how long anything is.
  const [before] = parts(roots, records)
  let offset = head.length + before.length
  for (const record of records) {
    record.offset = offset
    offset += itemBytes(record, undefined).length
  }
  return Buffer.concat([head, ...parts(roots, records)])
}

/** Up to the first record, and the records. */
function parts(roots: readonly Record[], records: readonly Record[]): [Buffer, Buffer] {
  const items = Buffer.concat(
    records.map((record) => itemBytes(record, next(record, roots, records)?.offset ?? 0)),
  )
  const fields: DicomElement[] = [
    { tag: 0x00041130, vr: 'CS', value: '' },
    { tag: 0x00041200, vr: 'UL', value: [roots[0]?.offset ?? 0] },
    { tag: 0x00041202, vr: 'UL', value: [roots.at(-1)?.offset ?? 0] },
    { tag: 0x00041212, vr: 'US', value: [0] },
  ]
  const sequence = elementBytes({ tag: 0x00041220, vr: 'SQ', value: items })
  const start = sequence.subarray(0, sequence.length - items.length)
  return [Buffer.concat([...fields.map(elementBytes), start]), items]
}

function next(record: Record, roots: readonly Record[], records: readonly Record[]): Record | undefined {
  const siblings = records.find(({ children }) => children.includes(record))?.children ?? roots
  return siblings[siblings.indexOf(record) + 1]
}

function inOrder(records: readonly Record[]): Record[] {
  return records.flatMap((record) => [record, ...inOrder(record.children)])
}

function itemBytes(record: Record, nextOffset: number | undefined): Buffer {
  const elements: DicomElement[] = [
    { tag: 0x00041400, vr: 'UL', value: [nextOffset ?? 0] },
    { tag: 0x00041410, vr: 'US', value: [0xffff] },
    { tag: 0x00041420, vr: 'UL', value: [record.children[0]?.offset ?? 0] },
    { tag: 0x00041430, vr: 'CS', value: record.type },
    ...record.keys,
  ]
  const content = Buffer.concat(elements.toSorted((a, b) => a.tag - b.tag).map(elementBytes))
  const head = Buffer.alloc(ITEM_HEAD_BYTES)
  head.writeUInt16LE(0xfffe, 0)
  head.writeUInt16LE(0xe000, 2)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}

function addFile(roots: Record[], { path, bytes }: IndexedFile): void {
  const data = dicomParser.parseDicom(bytes, { untilTag: 'x7fe00010' })
  const text: Tags = (tag) => data.string(tag) ?? ''
  const element = (tag: number, vr: string): DicomElement => ({
    tag,
    vr,
    value: text(`x${tag.toString(16).padStart(8, '0')}`),
  })
  const patient = record(roots, 'PATIENT', text('x00100020'), [
    element(0x00100010, 'PN'),
    element(0x00100020, 'LO'),
  ])
  const study = record(patient.children, 'STUDY', text('x0020000d'), [
    element(0x00080020, 'DA'),
    element(0x00080030, 'TM'),
    element(0x0020000d, 'UI'),
    element(0x00200010, 'SH'),
  ])
  const series = record(study.children, 'SERIES', text('x0020000e'), [
    element(0x00080060, 'CS'),
    element(0x0020000e, 'UI'),
    element(0x00200011, 'IS'),
  ])
  record(series.children, 'IMAGE', path, [
    { tag: 0x00041500, vr: 'CS', value: path.replaceAll('/', '\\') },
    { tag: 0x00041510, vr: 'UI', value: text('x00080016') },
    { tag: 0x00041511, vr: 'UI', value: text('x00080018') },
    { tag: 0x00041512, vr: 'UI', value: text('x00020010') || EXPLICIT_LITTLE_ENDIAN },
    element(0x00200013, 'IS'),
  ])
}

function record(
  siblings: Record[],
  type: Record['type'],
  key: string,
  keys: readonly DicomElement[],
): Record {
  const known = siblings.find((sibling) => sibling.key === key)
  if (known) return known
  const made: Record = { type, key, keys, children: [], offset: 0 }
  siblings.push(made)
  return made
}
