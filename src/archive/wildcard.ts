import type { Scan } from '../xnat/client.js'
import { unescapeName } from './names.js'

/**
 * The scans that a wildcard of XNAT's resource paths selects (xnat-wire.md §4): `ALL` or `*`, `NULL` for those without
 * a type, a scan ID, a type, or several of these with commas between. Undefined when it selects none.
 */
export function selectScans(scans: readonly Scan[], name: string): Scan[] | undefined {
  const selection = unescapeName(name)
  const selected =
    selection === 'ALL' || selection === '*'
      ? [...scans]
      : scans.filter((scan) => isSelected(scan, selection) || someOf(selection, scan))
  return selected.length > 0 ? selected : undefined
}

function someOf(selection: string, scan: Scan): boolean {
  return selection.split(',').some((term) => term !== '' && isSelected(scan, term))
}

function isSelected(scan: Scan, term: string): boolean {
  if (term === 'NULL' && scan.type === '') return true
  const plain = term.replaceAll('[SLASH]', '/').replaceAll('[COMMA]', ',')
  return scan.id === term || scan.type === plain
}

/** The scan that the folder of a download, `<ID>-<type>`, was made of; every character of the type that is no letter,
 *  digit or underscore is an underscore there. */
export function scanOfZipFolder(scans: readonly Scan[], name: string): Scan | undefined {
  return scans.find((scan) => name === `${scan.id}-${scan.type.replace(/\W/g, '_')}`)
}
