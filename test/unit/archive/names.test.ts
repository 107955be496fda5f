import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeName, nameSiblings, unescapeName } from '../../../src/archive/names.js'

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc
    .array(fc.constantFrom('%', '25', '2F', '2E', '.', '/', '\n', '\u009b', '\u0000', 'C2', '~', 'a', '7'), {
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
)
const none: ReadonlySet<string> = new Set()
const fits = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= 255

describe('escapeName', () => {
  it.each([
    ['T1', 'T1'],
    ['a b ', 'a b '],
    ['100%', '100%'],
    ['CBF:Feb 16 2023', 'CBF:Feb 16 2023'],
    ['a/b', 'a%2Fb'],
    ['a%2Fb', 'a%252Fb'],
    ['a%252Fb', 'a%25252Fb'],
    ['a\nb', 'a%0Ab'],
    ['\u009b2J', '%C2%9B2J'],
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['...', '...'],
    ['%2E', '%252E'],
    ['%2e', '%2e'],
    ['é😀', 'é😀'],
  ])('shows %j as %j and reads it back', (label, name) => {
    expect(escapeName(label)).toBe(name)
    expect(unescapeName(name)).toBe(label)
  })

  it('is undone by unescapeName for every label', () => {
    fc.assert(
      fc.property(nasty, (label) => unescapeName(escapeName(label)) === label),
      { numRuns: 5000 },
    )
  })

  it('gives back every name that a file can have: what is created is listed under the same name', () => {
    fc.assert(
      fc.property(nasty.filter(fits), (name) => {
        // A control character cannot be in a listed name: such a file is listed under its escaped name.
        fc.pre(!/\p{Cc}/u.test(name))
        return escapeName(unescapeName(name)) === name
      }),
      { numRuns: 5000 },
    )
  })
})

describe('nameSiblings', () => {
  it('lets the first by ID keep a shared label', () => {
    const siblings = [
      { label: 'DICOM', id: '12' },
      { label: 'DICOM', id: '9' },
      { label: 'NIFTI', id: '10' },
    ]
    expect(nameSiblings(siblings, none)).toEqual(['DICOM~12', 'DICOM', 'NIFTI'])
  })

  it('moves a label out of the way of a reserved name', () => {
    expect(nameSiblings([{ label: 'files', id: '7' }], new Set(['files']))).toEqual(['files~7'])
  })

  it('falls back to the ID', () => {
    expect(nameSiblings([{ label: '', id: '7' }], none)).toEqual(['7'])
  })

  it('does not let a made name take the place of a real one', () => {
    const siblings = [
      { label: 'a', id: '1' },
      { label: 'a', id: '2' },
      { label: 'a~2', id: '3' },
    ]
    expect(nameSiblings(siblings, none)).toEqual(['a', 'a~2~2', 'a~2'])
  })

  it('cuts a long label at a character and keeps it apart from others with the same beginning', () => {
    const long = 'é'.repeat(200)
    const [first, second] = nameSiblings(
      [
        { label: `${long}1`, id: '1' },
        { label: `${long}2`, id: '2' },
      ],
      none,
    )
    expect(first).toMatch(/^é+~[0-9a-f]{12}$/)
    expect(first).not.toBe(second)
  })

  it('gives any siblings distinct names that a directory can hold, the same whatever their order', () => {
    const siblings = fc.uniqueArray(
      fc.record({
        label: fc.oneof(nasty, fc.constantFrom('x', '', 'files', 'y'.repeat(300))),
        id: fc.string({ minLength: 1, maxLength: 6 }),
      }),
      { selector: (sibling) => sibling.id, maxLength: 12 },
    )
    const reserved = new Set(['files', 'resources'])
    fc.assert(
      fc.property(siblings, (items) => {
        const names = nameSiblings(items, reserved)
        expect(new Set(names).size).toBe(names.length)
        for (const name of names) expect(fits(name) && !reserved.has(name)).toBe(true)
        expect(nameSiblings(items.toReversed(), reserved)).toEqual(names.toReversed())
      }),
      { numRuns: 3000 },
    )
  })
})
