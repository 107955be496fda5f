// Measures xnatfs beside the ways it replaces, all in one run against one embedded XNAT: npm run bench -- --help
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Bench } from './bench/bench.mjs'
import { isInstalled, machineText, versionsText } from './bench/machine.mjs'
import { helpText, parseOptions } from './bench/options.mjs'
import { canDropCaches } from './bench/page-cache.mjs'
import { RcloneServer } from './bench/rclone.mjs'
import { readingRows } from './bench/reading-rows.mjs'
import { phases } from './bench/reading-subjects.mjs'
import { runRow } from './bench/rounds.mjs'
import { makeSample } from './bench/sample.mjs'
import { growthText, latencyTable, memoryText } from './bench/table.mjs'
import { writingRows } from './bench/writing-rows.mjs'
import { XnatServer } from './bench/xnat-server.mjs'

const repository = fileURLToPath(new URL('..', import.meta.url))
const program = join(repository, 'dist/cli/main.js')
const allRows = [...readingRows, ...writingRows]
const wantedPeakMib = 200

const progress = (text) => process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`)
const missingOf = ({ needs }) => needs.filter((name) => !isInstalled(name))

/** Rows by the way their server is started, in the order of the table of rows. */
function byServeFlags(rows) {
  const groups = new Map()
  for (const row of rows) {
    const key = JSON.stringify(row.serveFlags ?? [])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups].map(([key, rows]) => ({ serveFlags: JSON.parse(key), rows }))
}

/** All rows at one latency, each kind of server one after the other over the same archive. */
async function runLatency(rows, bench, options) {
  const results = []
  for (const { serveFlags, rows: group } of byServeFlags(rows)) {
    const flags = ['--data', bench.manifest, '--state', bench.state, '--latency-ms', String(bench.latencyMs)]
    bench.server = await XnatServer.start(program, [...flags, ...serveFlags])
    try {
      for (const row of group) {
        const skipped = (subject) => missingOf(subject).length > 0
        results.push(await runRow(row, bench, { ...options, skipped, progress }))
      }
    } finally {
      await bench.server.end()
    }
  }
  return results
}

async function runAll(rows, bench, options) {
  const results = []
  for (const latencyMs of options.latenciesMs) {
    bench.latencyMs = latencyMs
    bench.webdav = isInstalled('rclone') ? await RcloneServer.start(bench.filesRoot, latencyMs) : undefined
    try {
      results.push(...(await runLatency(rows, bench, options)))
    } finally {
      await bench.webdav?.end()
    }
  }
  return results
}

function report(results, bench, options, notes) {
  const tables = options.latenciesMs.map((latencyMs) =>
    latencyTable(
      latencyMs,
      results.filter((one) => one.latencyMs === latencyMs),
      bench,
    ),
  )
  return [
    '# xnatfs beside the ways it replaces',
    '',
    `By \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machineText()}; ${versionsText(['curl', 'dcm2niix', 'rclone'])}.`,
    `Medians of ${options.rounds} round${options.rounds > 1 ? 's' : ''}, interleaved, all in one run against \`xnatfs serve\`; rclone reads the same files from`,
    '`rclone serve webdav` behind the same delay; curl is given a log-in and all URLs and lists nothing. Cold: a new mount with an',
    "empty cache. Again: the same mount once more, the kernel's caches dropped. Remounted: a new mount with the cache of the one",
    'before. Local disk: the same command on a copy, the caches dropped. A limit is shown where one is stated.',
    '',
    ...notes.map((note) => `* ${note}`).concat(notes.length > 0 ? [''] : []),
    tables.join('\n\n'),
    '',
    [memoryText(results, wantedPeakMib), growthText(results, ['series', 'series-10x'], phases.cold)]
      .join('\n')
      .trim(),
    '',
  ].join('\n')
}

/** What is not as it should be, for whoever reads the table. */
function notesOf(wantedRows, isRealSeries) {
  const rows = wantedRows.filter((row) => missingOf(row).length > 0)
  const subjects = wantedRows.flatMap((row) => row.subjects).filter((one) => missingOf(one).length > 0)
  const leftOut = new Set(
    [...rows, ...subjects].map(
      (one) => `${one.name} is left out, not installed: ${missingOf(one).join(', ')}`,
    ),
  )
  const notes = [...leftOut]
  if (!canDropCaches)
    notes.push(
      "not root: the kernel's caches were not dropped, so that «again» and the local disk are read from them",
    )
  if (!isRealSeries) notes.push('the series is a phantom: the real data are not beside this repository')
  return notes
}

async function main(options) {
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => interrupt.abort(new Error(`interrupted by ${signal}`)))
  const wantedRows = allRows.filter((row) => options.rows.includes(row.name))
  const rows = wantedRows.filter((row) => missingOf(row).length === 0)
  const folder = mkdtempSync(join(realpathSync(options.folder), 'xnatfs-bench-'))
  try {
    progress(`making sample files in ${folder}`)
    const wantedSets = [...new Set(rows.flatMap(({ sets }) => sets))]
    const sample = await makeSample(folder, repository, options.sizes, wantedSets)
    const bench = new Bench({
      program,
      folder,
      sizes: options.sizes,
      signal: interrupt.signal,
      sets: sample.sets,
      filesRoot: sample.root,
      manifest: sample.manifest,
      state: join(folder, 'state'),
    })
    const results = await runAll(rows, bench, options)
    const text = report(results, bench, options, notesOf(wantedRows, sample.isRealSeries))
    if (options.isWritten) writeFileSync(join(repository, 'test/bench/results.md'), text)
    process.stdout.write(text)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const rowNames = allRows.map(({ name }) => name)
try {
  const options = parseOptions(process.argv.slice(2), rowNames)
  if (options.isHelp) process.stdout.write(helpText(rowNames))
  else await main(options)
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 1
}
