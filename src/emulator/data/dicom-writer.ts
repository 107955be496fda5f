/** Writes DICOM part 10 files, explicit VR little endian, with no more than a flat list of elements. */

export interface DicomElement {
  /** Group and element, such as 0x00080060. */
  readonly tag: number
  readonly vr: string
  readonly value: string | readonly number[] | Buffer
}

export const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1'
const IMPLEMENTATION_UID = '2.25.310254801432961387432891120043982311'
const IMPLEMENTATION_NAME = 'XNATFS_SAMPLE'
/** Value representations whose length takes four bytes, after two reserved ones. */
const LONG = new Set(['OB', 'OW', 'OF', 'SQ', 'UN', 'UT'])

function valueBytes(element: DicomElement): Buffer {
  const { vr, value } = element
  if (Buffer.isBuffer(value)) return value
  if (typeof value === 'string') {
    const padded = value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' ')
    return Buffer.from(padded, 'latin1')
  }
  const bytes = Buffer.alloc(value.length * (vr === 'UL' ? 4 : 2))
  for (const [index, number] of value.entries()) {
    if (vr === 'UL') bytes.writeUInt32LE(number, index * 4)
    else bytes.writeUInt16LE(number, index * 2)
  }
  return bytes
}

export function elementBytes(element: DicomElement): Buffer {
  const value = valueBytes(element)
  const long = LONG.has(element.vr)
  const head = Buffer.alloc(long ? 12 : 8)
  head.writeUInt16LE(element.tag >>> 16, 0)
  head.writeUInt16LE(element.tag & 0xffff, 2)
  head.write(element.vr, 4, 'latin1')
  if (long) head.writeUInt32LE(value.length, 8)
  else head.writeUInt16LE(value.length, 6)
  return Buffer.concat([head, value])
}

function text(tag: number, vr: string, value: string): DicomElement {
  return { tag, vr, value }
}

/** A whole file; SOP class and instance are taken from the data set. */
export function dicomFile(elements: readonly DicomElement[]): Buffer {
  const find = (tag: number): string => {
    const value = elements.find((element) => element.tag === tag)?.value
    if (typeof value !== 'string') throw new TypeError(`the data set lacks ${tag.toString(16)}`)
    return value
  }
  const sorted = [...elements].sort((a, b) => a.tag - b.tag)
  return Buffer.concat([fileHead(find(0x00080016), find(0x00080018)), ...sorted.map(elementBytes)])
}

/** What comes before the data set. */
export function fileHead(sopClass: string, sopInstance: string): Buffer {
  const meta = Buffer.concat(
    [
      { tag: 0x00020001, vr: 'OB', value: Buffer.from([0, 1]) },
      text(0x00020002, 'UI', sopClass),
      text(0x00020003, 'UI', sopInstance),
      text(0x00020010, 'UI', EXPLICIT_LITTLE_ENDIAN),
      text(0x00020012, 'UI', IMPLEMENTATION_UID),
      text(0x00020013, 'SH', IMPLEMENTATION_NAME),
    ].map(elementBytes),
  )
  const length = elementBytes({ tag: 0x00020000, vr: 'UL', value: [meta.length] })
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM', 'latin1'), length, meta])
}
