/**
 * One spelling for all ways to an item: by its accession ID where it has one. Names of variables and questions do not count.
 *
 * @param {string} path
 */
export function plain(path) {
  return path
    .replace(/\?.*$/, '')
    .replace(/\{[^}]*\}/g, '{}')
    .replace(/^\/projects\/\{\}\/subjects\/\{\}\/experiments\/\{\}/, '/experiments/{}')
    .replace(/^\/projects\/\{\}\/experiments\/\{\}/, '/experiments/{}')
    .replace(/^\/projects\/\{\}\/subjects\/\{\}/, '/subjects/{}')
    .replace(/\/(accessibility|prearchive_code|quarantine_code|current_arc|scan_type_mapping)\/\{\}$/, '/$1')
}
