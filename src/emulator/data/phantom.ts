import { createHash } from 'node:crypto'
import { dicomFile, type DicomElement } from './dicom-writer.js'
import { gifImage } from './gif-writer.js'

/** A synthetic head: nested ellipsoids, scanned as a small MR series. Every byte follows from the description. */

const SIZE = 64
const PIXEL_MM = 3.5
const SLICE_MM = 7
const MR_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.4'

export type Contrast = 'T1' | 'T2'

export interface SeriesDescription {
  readonly patientId: string
  readonly patientName: string
  readonly studyId: string
  readonly studyDescription: string
  readonly number: number
  readonly description: string
  readonly contrast: Contrast
  readonly slices: number
}

interface Ellipsoid {
  readonly centre: readonly [number, number, number]
  readonly radii: readonly [number, number, number]
  readonly signal: Readonly<Record<Contrast, number>>
}

/** In units of half the field of view: scalp, skull, brain, ventricles, two lesions. Inner ones come last. */
const HEAD: readonly Ellipsoid[] = [
  { centre: [0, 0, 0], radii: [0.72, 0.88, 0.9], signal: { T1: 900, T2: 300 } },
  { centre: [0, 0, 0], radii: [0.66, 0.82, 0.84], signal: { T1: 60, T2: 40 } },
  { centre: [0, 0, 0], radii: [0.6, 0.76, 0.78], signal: { T1: 620, T2: 420 } },
  { centre: [0, 0.05, 0.1], radii: [0.48, 0.62, 0.6], signal: { T1: 780, T2: 340 } },
  { centre: [-0.16, 0.05, 0.05], radii: [0.09, 0.26, 0.24], signal: { T1: 180, T2: 1000 } },
  { centre: [0.16, 0.05, 0.05], radii: [0.09, 0.26, 0.24], signal: { T1: 180, T2: 1000 } },
  { centre: [0.3, -0.4, -0.1], radii: [0.1, 0.1, 0.16], signal: { T1: 400, T2: 820 } },
]

function signalAt(x: number, y: number, z: number, contrast: Contrast): number {
  let signal = 0
  for (const { centre, radii, signal: values } of HEAD) {
    const [dx, dy, dz] = [(x - centre[0]) / radii[0], (y - centre[1]) / radii[1], (z - centre[2]) / radii[2]]
    if (dx * dx + dy * dy + dz * dz <= 1) signal = values[contrast]
  }
  return signal
}

/** Noise from a linear congruential generator, the same on every machine. */
function noise(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 27
  }
}

function slicePixels(series: SeriesDescription, slice: number): Uint16Array {
  const random = noise(series.number * 1000 + slice)
  const pixels = new Uint16Array(SIZE * SIZE)
  const z = ((slice + 0.5) / series.slices) * 2 - 1
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const x = ((column + 0.5) / SIZE) * 2 - 1
      const y = ((row + 0.5) / SIZE) * 2 - 1
      pixels[row * SIZE + column] = signalAt(x, y, z, series.contrast) + random()
    }
  }
  return pixels
}

/** A UID that belongs to a name: 2.25 and the name's MD5 as a number (a UUID-derived UID in all but its bits). */
export function uidFor(name: string): string {
  return `2.25.${BigInt(`0x${createHash('md5').update(name).digest('hex')}`)}`
}

export function studyUid(series: SeriesDescription): string {
  return uidFor(`${series.patientId}/${series.studyId}`)
}

export function seriesUid(series: SeriesDescription): string {
  return uidFor(`${series.patientId}/${series.studyId}/${series.number}`)
}

export function instanceUid(series: SeriesDescription, slice: number): string {
  return uidFor(`${series.patientId}/${series.studyId}/${series.number}/${slice}`)
}

const TIMING: Readonly<Record<Contrast, { tr: string; te: string; flip: string; sequence: string }>> = {
  T1: { tr: '600', te: '12', flip: '90', sequence: 'SE' },
  T2: { tr: '4000', te: '98', flip: '90', sequence: 'SE' },
}

function time(series: SeriesDescription): string {
  return `1${String(series.number % 10)}0000.000000`
}

function descriptiveElements(series: SeriesDescription, slice: number): DicomElement[] {
  const text = (tag: number, vr: string, value: string): DicomElement => ({ tag, vr, value })
  return [
    text(0x00080005, 'CS', 'ISO_IR 100'),
    text(0x00080008, 'CS', 'ORIGINAL\\PRIMARY\\M\\ND'),
    text(0x00080016, 'UI', MR_IMAGE_STORAGE),
    text(0x00080018, 'UI', instanceUid(series, slice)),
    text(0x00080020, 'DA', '20260105'),
    text(0x00080021, 'DA', '20260105'),
    text(0x00080022, 'DA', '20260105'),
    text(0x00080023, 'DA', '20260105'),
    text(0x00080030, 'TM', '100000.000000'),
    text(0x00080031, 'TM', time(series)),
    text(0x00080032, 'TM', time(series)),
    text(0x00080033, 'TM', time(series)),
    text(0x00080050, 'SH', ''),
    text(0x00080060, 'CS', 'MR'),
    text(0x00080070, 'LO', 'xnatfs'),
    text(0x00080080, 'LO', 'Phantom Institute'),
    text(0x00080090, 'PN', ''),
    text(0x00081010, 'SH', 'SAMPLE1'),
    text(0x00081030, 'LO', series.studyDescription),
    text(0x0008103e, 'LO', series.description),
    text(0x00081090, 'LO', 'Ellipsoid 64'),
    text(0x00100010, 'PN', series.patientName),
    text(0x00100020, 'LO', series.patientId),
    text(0x00100030, 'DA', ''),
    text(0x00100040, 'CS', 'O'),
    text(0x0020000d, 'UI', studyUid(series)),
    text(0x0020000e, 'UI', seriesUid(series)),
    text(0x00200010, 'SH', series.studyId),
    text(0x00200011, 'IS', String(series.number)),
    text(0x00200012, 'IS', '1'),
    text(0x00200013, 'IS', String(slice + 1)),
    text(0x00200052, 'UI', uidFor(`${series.patientId}/${series.studyId}/frame`)),
    text(0x00201040, 'LO', ''),
  ]
}

function acquisitionElements(series: SeriesDescription): DicomElement[] {
  const text = (tag: number, vr: string, value: string): DicomElement => ({ tag, vr, value })
  const { tr, te, flip, sequence } = TIMING[series.contrast]
  return [
    text(0x00180020, 'CS', sequence),
    text(0x00180021, 'CS', 'NONE'),
    text(0x00180022, 'CS', ''),
    text(0x00180023, 'CS', '2D'),
    text(0x00180050, 'DS', String(SLICE_MM)),
    text(0x00180080, 'DS', tr),
    text(0x00180081, 'DS', te),
    text(0x00180083, 'DS', '1'),
    text(0x00180087, 'DS', '3'),
    text(0x00180088, 'DS', String(SLICE_MM)),
    text(0x00180091, 'IS', '1'),
    text(0x00181030, 'LO', series.description),
    { tag: 0x00181310, vr: 'US', value: [0, SIZE, SIZE, 0] },
    text(0x00181312, 'CS', 'COL'),
    text(0x00181314, 'DS', flip),
    text(0x00185100, 'CS', 'HFS'),
  ]
}

function imageElements(series: SeriesDescription, slice: number): DicomElement[] {
  const text = (tag: number, vr: string, value: string): DicomElement => ({ tag, vr, value })
  const number = (tag: number, value: number): DicomElement => ({ tag, vr: 'US', value: [value] })
  const corner = (-PIXEL_MM * (SIZE - 1)) / 2
  const z = (slice - (series.slices - 1) / 2) * SLICE_MM
  const pixels = slicePixels(series, slice)
  return [
    text(0x00200032, 'DS', `${corner}\\${corner}\\${z}`),
    text(0x00200037, 'DS', '1\\0\\0\\0\\1\\0'),
    text(0x00201041, 'DS', String(z)),
    number(0x00280002, 1),
    text(0x00280004, 'CS', 'MONOCHROME2'),
    number(0x00280010, SIZE),
    number(0x00280011, SIZE),
    text(0x00280030, 'DS', `${PIXEL_MM}\\${PIXEL_MM}`),
    number(0x00280100, 16),
    number(0x00280101, 16),
    number(0x00280102, 15),
    number(0x00280103, 0),
    text(0x00281050, 'DS', '500'),
    text(0x00281051, 'DS', '1000'),
    { tag: 0x7fe00010, vr: 'OW', value: littleEndian(pixels) },
  ]
}

function littleEndian(pixels: Uint16Array): Buffer {
  const bytes = Buffer.alloc(pixels.length * 2)
  for (const [index, pixel] of pixels.entries()) bytes.writeUInt16LE(pixel, index * 2)
  return bytes
}

/** One slice as a DICOM file; slices count from 0. */
export function phantomSlice(series: SeriesDescription, slice: number): Buffer {
  return dicomFile([
    ...descriptiveElements(series, slice),
    ...acquisitionElements(series),
    ...imageElements(series, slice),
  ])
}

/** The middle slice as an image, in full or at half the size. */
export function phantomSnapshot(series: SeriesDescription, halfSize: boolean): Buffer {
  const pixels = slicePixels(series, Math.floor(series.slices / 2))
  const step = halfSize ? 2 : 1
  const size = SIZE / step
  const grey = new Uint8Array(size * size)
  for (let index = 0; index < grey.length; index++) {
    const row = Math.floor(index / size) * step
    const column = (index % size) * step
    grey[index] = Math.min(255, Math.round((pixels[row * SIZE + column]! * 255) / 1050))
  }
  return gifImage(size, size, grey)
}
