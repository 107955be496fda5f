import type { Resource, Scan } from '../xnat/client.js'
import { unescapeName } from './names.js'

/** What can be selected by a wildcard of XNAT's resource paths. */
interface Selectable {
  readonly id: string
  /** Free text, may be ''. */
  readonly type: string
}

/**
 * The scans or reconstructions that a wildcard selects (xnat-wire.md §4): `ALL` or `*`, `NULL` for those without a
 * type, an ID, a type, or several of these with commas between. Undefined when it selects none.
 */
export function selectItems<T extends Selectable>(items: readonly T[], name: string): T[] | undefined {
  const selection = unescapeName(name)
  return someOrNone(
    items.filter((item) => isAll(selection) || isSelected(item, selection) || someOf(selection, item)),
  )
}

/**
 * The assessors that a wildcard selects: `ALL` or `*`, an ID, a label, a data type, or several of these.
 * @param typesOf the IDs of those of a data type or of one that extends it, which only the server knows
 */
export async function selectAssessors<T extends { readonly id: string; readonly label: string }>(
  assessors: readonly T[],
  name: string,
  idsOfType: (xsiType: string) => Promise<readonly string[]>,
): Promise<T[] | undefined> {
  const selection = unescapeName(name)
  if (isAll(selection)) return someOrNone(assessors)
  const wanted = new Set<string>()
  for (const term of termsOf(selection)) {
    const named = assessors.filter(({ id, label }) => id === term || label === term)
    const ids = named.length > 0 || !isTypeName(term) ? named.map(({ id }) => id) : await idsOfType(term)
    for (const id of ids) wanted.add(id)
  }
  return someOrNone(assessors.filter(({ id }) => wanted.has(id)))
}

/** Whether a name means several resources of one item. */
export function isResourceList(name: string): boolean {
  return name.includes(',') || name.toUpperCase() === 'NULL'
}

/** The resources that one or several names with commas between select: labels, numbers, `NULL` for those without label. */
export function selectResources(resources: readonly Resource[], name: string): Resource[] {
  const terms = new Set(termsOf(unescapeName(name)))
  const wantsUnlabelled = [...terms].some((term) => term.toUpperCase() === 'NULL')
  return resources.filter(
    ({ id, label }) => terms.has(id) || (label === '' ? wantsUnlabelled : terms.has(label)),
  )
}

/**
 * The scan that the folder of a download, `<ID>-<type>`, was made of; every character of the type that is no letter,
 * digit or underscore is an underscore there.
 */
export function scanOfZipFolder(scans: readonly Scan[], name: string): Scan | undefined {
  return scans.find((scan) => name === `${scan.id}-${scan.type.replace(/\W/g, '_')}`)
}

function isAll(selection: string): boolean {
  return selection === 'ALL' || selection === '*'
}

function isTypeName(term: string): boolean {
  return /^[A-Za-z]\w*:\w+$/.test(term)
}

function someOf(selection: string, item: Selectable): boolean {
  return selection.split(',').some((term) => term !== '' && isSelected(item, term))
}

function isSelected(item: Selectable, term: string): boolean {
  if (term === 'NULL' && item.type === '') return true
  const plain = term.replaceAll('[SLASH]', '/').replaceAll('[COMMA]', ',')
  return item.id === term || item.type === plain
}

function termsOf(selection: string): string[] {
  return selection
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '')
}

function someOrNone<T>(items: readonly T[]): T[] | undefined {
  return items.length > 0 ? [...items] : undefined
}
