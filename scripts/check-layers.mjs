// Fails when a source file imports against the arrows of docs/architecture.md.
//   cli → everything; fuse → vfs; vfs → data, archive/archive.ts; data → cache, archive/archive.ts;
//   archive → xnat; all → util. The emulator knows nothing of the other folders but util.
// Or when a URL of REST is built in another layer than xnat: they are there alone.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')

/** For each layer: the layers (whole folders) or single files it may import. */
const allowed = {
  cli: ['fuse', 'vfs', 'archive', 'data', 'cache', 'xnat', 'emulator', 'util'],
  fuse: ['vfs', 'util'],
  vfs: ['data', 'archive/archive', 'util'],
  data: ['cache', 'archive/archive', 'util'],
  archive: ['xnat', 'util'],
  cache: ['util'],
  xnat: ['util'],
  emulator: ['util'],
  util: [],
}

const problems = []
for (const file of readdirSync(root, { recursive: true })) {
  if (!file.endsWith('.ts')) continue
  const layer = file.split(sep)[0]
  const rules = allowed[layer]
  if (!rules) {
    problems.push(`src/${file}: '${layer}' is not a layer of docs/architecture.md`)
    continue
  }
  const text = readFileSync(join(root, file), 'utf8')
  if (['archive', 'data', 'vfs', 'fuse'].includes(layer) && /['"`]\/data\//.test(text))
    problems.push(`src/${file}: URLs are built in src/xnat`)
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
    const path = relative(root, normalize(join(root, dirname(file), target))).replace(/\.js$/, '')
    const into = path.split(sep)[0]
    if (into === layer || rules.includes(into) || rules.includes(path)) continue
    problems.push(`src/${file}: ${layer} must not import ${path}`)
  }
}
if (problems.length > 0) {
  process.stderr.write(problems.join('\n') + '\n')
  process.exit(1)
}
