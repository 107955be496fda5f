import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plain } from '../../scripts/rest-paths.mjs'
import { ROUTES } from '../../src/emulator/rest/routes.js'

/** Every route that the embedded XNAT serves is in docs/rest-map.md. */

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

describe('the check of the map', () => {
  const script = fileURLToPath(new URL('../../scripts/check-rest-map.mjs', import.meta.url))
  const map = readFileSync(new URL('../../docs/rest-map.md', import.meta.url), 'utf8')
  let folder: string
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'xnatfs-rest-map-'))))
  afterAll(() => rmSync(folder, { recursive: true }))

  function problemsOf(text: string): { readonly code: number | null; readonly problems: string } {
    const path = join(folder, 'map.md')
    writeFileSync(path, text)
    const { status, stderr } = spawnSync(process.execPath, [script, path], { encoding: 'utf8' })
    return { code: status, problems: stderr }
  }
  const without = (start: string): string => {
    const lines = map.split('\n')
    expect(lines.filter((line) => line.startsWith(start))).toHaveLength(1)
    return lines.filter((line) => !line.startsWith(start)).join('\n')
  }

  it('has nothing against it as it is', () => {
    expect(problemsOf(map)).toEqual({ code: 0, problems: '' })
  })

  it.each([
    ['| GET `/experiments/{E}/status` |', 'GET /experiments/{}/status'],
    ['| DELETE `/search/saved/{ID}` |', 'DELETE /search/saved/{}'],
    ['| GET `/experiments/{E}/history` |', 'GET /experiments/{}/history'],
    ['| GET `/workflows/{KEY}` |', 'GET /workflows/{}'],
    ['| POST `/services/import` |', 'POST /services/import'],
  ])('fails without the row %s', (row, missing) => {
    const { code, problems } = problemsOf(without(row))
    expect(code).toBe(1)
    expect(problems).toContain(`has no row for ${missing}\n`)
  })

  it.each([
    ['a test that does not exist', ': is set when close() returns |', ': is set by magic |', 'has no test'],
    [
      'a file of tests that does not exist',
      '`test/integration/queries',
      '`test/integration/none',
      'no test file',
    ],
    ['no file without a reason', /no file: 404 where [^|]*\|/, 'no file: |', 'needs a reason'],
  ])('fails with %s', (_, from, to, problem) => {
    const { code, problems } = problemsOf(map.replace(from, to))
    expect(code).toBe(1)
    expect(problems).toContain(problem)
  })
})
