import { createHash } from 'node:crypto'
import { longestNameBytes } from '../util/longest-name.js'

/**
 * How labels become file names. A label is shown as it is wherever a file name can carry it. The exceptions, all
 * reversible (docs/semantics.md, "Names"):
 *
 * - '/', NUL and control characters are written as `%2F`, `%00`, `%0A` …, and the names '.' and '..' as `%2E` and
 *   `%2E%2E`. A label that contains such an escape literally gets its percent sign escaped: `%252F`.
 * - A label over 255 bytes is cut and ends in `~` and a digest of the whole label.
 * - A label that is reserved in its directory, or that a sibling has too, ends in `~` and the item's ID. Of several
 *   siblings with one label the first by ID keeps it, so that a later one does not rename an older one.
 */

/** The escape of one character (C1 controls are two bytes), and the same behind escaped percent signs. */
const escapeText = '(?:2F|7F|[01][0-9A-F]|C2%[89][0-9A-F])'
const escaped = new RegExp(`%((?:25)*)${escapeText}`, 'g')
const needsEscape = /[/\p{Cc}]/gu

/** What nearly all labels are: ASCII without a slash or a percent sign. */
const plain = /^[ -$&-.0-~]*$/

export function escapeName(label: string): string {
  if (label === '.') return '%2E'
  if (label === '..') return '%2E%2E'
  if (plain.test(label)) return label
  const text = label.replace(escapedDots, '%25$1').replace(escaped, (found) => `%25${found.slice(1)}`)
  return text.replace(needsEscape, escapeCharacter)
}

/** The label that `escapeName` shows as `name`. */
export function unescapeName(name: string): string {
  if (name === '%2E') return '.'
  if (name === '%2E%2E') return '..'
  const text = name.replace(escapedEscapedDots, '%$1')
  if (text !== name) return text
  return name.replace(escaped, (found, percents: string) =>
    percents.length > 0 ? `%${found.slice(3)}` : decodeURIComponent(found),
  )
}

/** Labels that read like the escapes of '.' and '..', however often their percent sign was escaped already. */
const escapedDots = /^%((?:25)*2E(?:%2E)?)$/
const escapedEscapedDots = /^%25((?:25)*2E(?:%2E)?)$/

function escapeCharacter(character: string): string {
  const bytes = [...Buffer.from(character)]
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

export interface Named {
  readonly label: string
  /** Unique among the siblings. */
  readonly id: string
}

/** The file names of siblings, in their order: unique, carriable, none of them reserved. No label: the ID serves. */
export function nameSiblings(siblings: readonly Named[], reserved: ReadonlySet<string>): string[] {
  const names = siblings.map((sibling) => shorten(escapeName((sibling.label || sibling.id).toWellFormed())))
  const wanted = new Map<string, number[]>()
  names.forEach((name, index) => {
    const others = wanted.get(name)
    if (others) others.push(index)
    else wanted.set(name, [index])
  })
  const taken = new Set(reserved)
  const byAge = (a: number, b: number): number => compareIds(siblings[a]!.id, siblings[b]!.id)
  const homeless: number[] = []
  for (const [name, claimants] of wanted) {
    // IDs are looked at only where two want one name: they may cost something.
    const older = claimants.length > 1 ? claimants.toSorted(byAge) : claimants
    homeless.push(...(taken.has(name) ? older : older.slice(1)))
    taken.add(name)
  }
  for (const index of homeless.toSorted(byAge)) {
    do names[index] = shorten(`${names[index]}~${escapeName(siblings[index]!.id.toWellFormed())}`)
    while (taken.has(names[index]))
    taken.add(names[index])
  }
  return names
}

/** At most 255 bytes: the beginning, `~` and a digest of all of it. */
function shorten(name: string): string {
  if (name.length * 3 <= longestNameBytes) return name
  if (Buffer.byteLength(name) <= longestNameBytes) return name
  const suffix = `~${digestOf(name)}`
  const cut = Buffer.from(name)
    .subarray(0, longestNameBytes - suffix.length)
    .toString('utf8')
  // Not in the middle of a character, nor of an escape.
  return cut.replace(/\ufffd+$/, '').replace(/%[0-9A-F]?$/, '') + suffix
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Numeric IDs by value, others as text: the older item comes first. */
function compareIds(a: string, b: string): number {
  const bothNumeric = /^\d+$/.test(a) && /^\d+$/.test(b)
  if (bothNumeric && a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
