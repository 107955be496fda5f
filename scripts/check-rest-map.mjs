// Fails when docs/rest-map.md names a test that does not exist, or has a row that is not whole.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const lines = readFileSync(join(root, 'docs', 'rest-map.md'), 'utf8').split('\n')
const problems = []
let rows = 0
for (const [index, line] of lines.entries()) {
  if (!line.startsWith('|') || /^\|\s*(-|REST\b)/.test(line)) continue
  const at = `docs/rest-map.md:${index + 1}`
  const [, rest, place, proof, ...more] = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
  rows++
  if (!rest || !place || !proof || more.join('') !== '') {
    problems.push(`${at}: a row has three cells`)
    continue
  }
  const [, file, title] = /^`([^`]+)`: (.+)$/.exec(proof) ?? []
  if (file === undefined || !existsSync(join(root, file))) problems.push(`${at}: no test file in '${proof}'`)
  else if (!titlesOf(file).has(title)) problems.push(`${at}: ${file} has no test '${title}'`)
}
if (rows === 0) problems.push('docs/rest-map.md has no rows')
if (problems.length > 0) {
  process.stderr.write(problems.join('\n') + '\n')
  process.exit(1)
}

/** Of its tests and groups of tests. */
function titlesOf(file) {
  const text = readFileSync(join(root, file), 'utf8')
  const calls = text.matchAll(/^\s*(?:it|describe)\b.*?\(\s*(['"`])(.*?)\1\s*,/gm)
  const tables = text.matchAll(/^\s*\]\)\((['"`])(.*?)\1\s*,/gm)
  return new Set([...calls, ...tables].map(([, , title]) => title))
}
