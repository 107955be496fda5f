import { expect, it } from 'vitest'
import { isRecent } from '../../../src/archive/fetch.js'

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toUTCString()

it.each([
  [at(10), at(10), true],
  [at(10), at(12), true],
  [at(10), at(13), false],
  [at(10), at(5), true], // clocks that differ
  [undefined, at(10), true],
  [at(10), undefined, true],
  ['yesterday', at(10), true],
])('a file of %s that was sent at %s may be changed under its time: %s', (lastModified, date, is) => {
  expect(isRecent(lastModified, date)).toBe(is)
})
