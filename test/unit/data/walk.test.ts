import { describe, expect, it } from 'vitest'
import { Walk } from '../../../src/data/walk.js'
import { ResourceSource } from '../../support/resource-source.js'

const second = 1000

interface Steps {
  readonly isSeries: boolean
  /** Places in the listing, in the order in which they are read. */
  readonly places: readonly number[]
  readonly gapMs?: number
  readonly listedMs?: number
  /** Names of the files in the order of the listing. */
  readonly names?: readonly string[]
}

/** Whether the rest is wanted after these files were read. */
function goesOn({ isSeries, places, gapMs = 10, listedMs, names }: Steps): boolean {
  const source = new ResourceSource({ count: 100, sizeBytes: 10, isSeries })
  const files = source.files.map((file, i) => ({ ...file, name: names?.[i] ?? file.name }))
  const walk = new Walk({ ...source.surroundings, files: () => files }, 0)
  const now = (): number => 100_000 + gapMs * places.length
  places.forEach((place, i) => walk.touch(files[place]!, 100_000 + gapMs * i))
  const listed = listedMs === undefined ? undefined : now() - listedMs
  return walk.isGoingOn(files[places.at(-1)!]!, listed, now())
}

const others = (places: readonly number[], listedMs: number): Steps => ({ isSeries: false, places, listedMs })

describe('the start of a prefetch', () => {
  it.each<[boolean, string, Steps]>([
    [false, 'one file of a series', { isSeries: true, places: [5] }],
    [false, 'one file again and again', { isSeries: true, places: [5, 5, 5, 5] }],
    [true, 'two files of a series', { isSeries: true, places: [5, 90] }],
    [false, 'two files of a series, a minute apart', { isSeries: true, places: [5, 6], gapMs: 60 * second }],
    [true, 'one file of a series that was just listed', { isSeries: true, places: [5], listedMs: second }],
    [false, 'one file of a series listed long ago', { isSeries: true, places: [5], listedMs: 60 * second }],
    [false, 'one file of another resource', { isSeries: false, places: [0], listedMs: second }],
    [true, 'the first two of another resource that was just listed', others([0, 1], second)],
    [false, 'the first two of one that was not listed', { isSeries: false, places: [0, 1] }],
    [false, 'the first two of one listed some time ago', others([0, 1], 20 * second)],
    [false, 'other two of one that was just listed', others([1, 2], second)],
    [false, 'the first and the third', others([0, 2], second)],
    [true, 'the first two by name', { ...others([3, 2], second), names: ['!d', '!c', '!b', '!a'] }],
    [
      false,
      'the first and the third by name',
      { ...others([3, 1], second), names: ['!d', '!c', '!b', '!a'] },
    ],
    [true, 'three in a row', { isSeries: false, places: [0, 1, 2] }],
    [true, 'three further on', { isSeries: false, places: [9, 3, 5, 8] }],
    [false, 'here and there', { isSeries: false, places: [5, 9, 2, 7, 1] }],
    [false, 'slowly', { isSeries: false, places: [0, 1, 2], gapMs: 3 * second }],
    [true, 'by the listing, not by name', { isSeries: false, places: [0, 1, 2], names: ['c', 'b', 'a'] }],
    [true, 'by name, not by the listing', { isSeries: false, places: [2, 1, 0], names: ['c', 'b', 'a'] }],
  ])('%s: %s', (expected, _, steps) => expect(goesOn(steps)).toBe(expected))
})

describe('the order of a walk', () => {
  const source = new ResourceSource({ count: 3, sizeBytes: 10 })
  const files = source.files.map((file, i) => ({ ...file, name: 'cba'[i]! }))
  const walkThrough = (places: readonly number[]): string => {
    const walk = new Walk({ ...source.surroundings, files: () => files }, 0)
    for (const place of places) walk.touch(files[place]!, 0)
    return walk
      .inOrder(files)
      .map(({ name }) => name)
      .join('')
  }

  it('is that of the listing unless it is seen to be that of the names', () => {
    expect(walkThrough([0])).toBe('cba')
    expect(walkThrough([0, 1])).toBe('cba')
    expect(walkThrough([2, 1])).toBe('abc')
  })
})

describe('the end of a walk', () => {
  const source = new ResourceSource({ count: 3, sizeBytes: 10 })
  const walkOf = (count: number, handles: number): Walk => {
    const walk = new Walk(source.surroundings, 0)
    for (const file of source.files.slice(0, count)) walk.touch(file, 0)
    walk.handles = handles
    return walk
  }
  /** How long nothing happens until the reader is taken for gone. */
  const patienceOf = (walk: Walk): number => {
    let ms = 0
    while (!walk.isOver(ms)) ms += 50
    return ms
  }

  it('comes soon after one file, later after more, and later still while something is open', () => {
    expect(patienceOf(walkOf(1, 0))).toBe(300)
    expect(patienceOf(walkOf(2, 0))).toBe(2050)
    expect(patienceOf(walkOf(2, 1))).toBe(5050)
  })

  it('comes soon after an interrupted read, unless the reader goes on', () => {
    const walk = walkOf(3, 1)
    walk.interrupt()
    expect(patienceOf(walk)).toBe(300)
    walk.stir(0)
    expect(patienceOf(walk)).toBe(5050)
  })
})
