// Fails when a resource of scripts/documented-rest.txt is missing in docs/rest-map.md, or when a row of that is not
// whole or names a test that does not exist.
// Usage: check-rest-map.mjs [MAP]
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { plain } from './rest-paths.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const map = readFileSync(process.argv[2] ?? join(root, 'docs', 'rest-map.md'), 'utf8')
const documented = readFileSync(join(root, 'scripts', 'documented-rest.txt'), 'utf8')
const methods = /^(?:(?:GET|PUT|POST|DELETE),? )+/

const problems = []
/** What the rows and the reasons of the map are about, as `METHOD path`. */
const mapped = new Set()
let rows = 0
for (const [index, line] of map.split('\n').entries()) {
  if (!line.startsWith('|') || /^\|\s*(-|REST\b)/.test(line)) continue
  rows++
  const [, rest, place, proof, ...more] = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
  const problem = problemOf(rest, place, proof, more.join(''))
  if (problem !== undefined) problems.push(`docs/rest-map.md:${index + 1}: ${problem}`)
  for (const method of methodsOf(rest ?? ''))
    for (const path of pathsOf(rest)) mapped.add(`${method} ${path}`)
}
if (rows === 0) problems.push('docs/rest-map.md has no rows')
const reasons = new Set(pathsOf(map.split('\n## No place in the mount\n')[1] ?? ''))
for (const [index, line] of documented.split('\n').entries()) {
  if (line === '' || line.startsWith('#')) continue
  const path = plain(line.replace(methods, ''))
  for (const method of methodsOf(line)) {
    if (mapped.has(`${method} ${path}`) || (reasons.has(path) && !isInRow(path))) continue
    problems.push(
      `scripts/documented-rest.txt:${index + 1}: docs/rest-map.md has no row for ${method} ${path}`,
    )
  }
}
if (problems.length > 0) {
  process.stderr.write(problems.join('\n') + '\n')
  process.exit(1)
}

/** A reason beside the tables is for all methods, but for what a row tells of. */
function isInRow(path) {
  return [...mapped].some((entry) => entry.endsWith(` ${path}`))
}

function problemOf(rest, place, proof, more) {
  if (!rest || !place || !proof || more !== '') return 'a row has three cells'
  if (methodsOf(rest).length === 0 || pathsOf(rest).length === 0) return `no method and path in '${rest}'`
  if (place.startsWith('no file:') && place.length < 20) return 'no file: needs a reason'
  const [, file, title] = /^`([^`]+)`: (.+)$/.exec(proof) ?? []
  if (file === undefined || !existsSync(join(root, file))) return `no test file in '${proof}'`
  return titlesOf(file).has(title) ? undefined : `${file} has no test '${title}'`
}

function methodsOf(text) {
  return methods.exec(text)?.[0].match(/[A-Z]+/g) ?? []
}

function pathsOf(text) {
  return [...text.matchAll(/`((?:\/|<parent>)[^`\s]*)`/g)].map(([, path]) => plain(path))
}

/** Of its tests and groups of tests. */
function titlesOf(file) {
  const text = readFileSync(join(root, file), 'utf8')
  const calls = text.matchAll(/^\s*(?:it|describe)\b.*?\(\s*(['"`])(.*?)\1\s*,/gm)
  const tables = text.matchAll(/^\s*\]\)\((['"`])(.*?)\1\s*,/gm)
  return new Set([...calls, ...tables].map(([, , title]) => title))
}
