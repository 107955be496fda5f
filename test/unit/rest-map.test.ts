import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ROUTES } from '../../src/emulator/rest/routes.js'

/** Every route that the embedded XNAT serves is in docs/rest-map.md. */

/** One spelling for all ways to an item: by its accession ID where it has one. Names of variables do not count. */
function plain(path: string): string {
  return path
    .replace(/\?.*$/, '')
    .replace(/\{[^}]*\}/g, '{}')
    .replace(/^\/projects\/\{\}\/subjects\/\{\}\/experiments\/\{\}/, '/experiments/{}')
    .replace(/^\/projects\/\{\}\/subjects\/\{\}/, '/subjects/{}')
    .replace(/^\/projects\/\{\}\/experiments\/\{\}/, '/experiments/{}')
}

/** Where no side is said, `out` is meant. */
const withSide = (path: string): string =>
  path.replace(/(\/(?:assessors|reconstructions)\/\{\})\/(resources|files)/, '$1/{}/$2')

it('the map has every route', () => {
  const text = readFileSync(new URL('../../docs/rest-map.md', import.meta.url), 'utf8')
  const mapped = new Set([...text.matchAll(/`([^`\s]+)`/g)].map(([, path]) => plain(path!)))
  const missing = ROUTES.map(({ template }) => plain(template)).filter((path) => {
    const isShort = /[^s]\/files$|\{\}\/files$/.test(path) && !path.includes('/resources/')
    return !isShort && !mapped.has(path) && !mapped.has(withSide(path))
  })
  expect([...new Set(missing)]).toEqual([])
})
