// The results as markdown: medians, ratios to the yardsticks, and what is wanted.
import { median, mib, shown } from './figures.mjs'

const figures = {
  seconds: ({ seconds }) => seconds,
  requests: ({ requests }) => requests,
  mib: ({ bytes }) => (bytes === undefined ? undefined : bytes / mib),
  daemonCpu: ({ daemonCpuSeconds }) => daemonCpuSeconds,
  commandCpu: ({ commandCpuSeconds }) => commandCpuSeconds,
  peakMib: ({ peakMib }) => peakMib,
}
const units = { requests: 'requests', mib: 'MiB' }

const shownAs = (figure, value) =>
  figure === 'requests' && value !== undefined ? String(value) : shown(value)

const medianOf = (measurements, figure) => {
  const values = measurements.map(figures[figure]).filter((value) => value !== undefined)
  return values.length === 0 ? undefined : median(values)
}

const head = [
  '',
  's',
  'requests',
  'MiB on the wire',
  'CPU s, daemon',
  'CPU s, commands',
  'peak MiB',
  'ratio',
  'wanted',
]

/** One table of all rows at one latency. */
export function latencyTable(latencyMs, allResults, bench) {
  const rows = allResults.flatMap((results) => [
    [`**${results.row.name}**: ${results.title}`, ...Array.from({ length: head.length - 1 }, () => '')],
    ...[...results.lines].map(([line, measurements]) => lineCells(results, line, measurements, bench)),
  ])
  return [
    `## Round trip of ${latencyMs} ms`,
    '',
    ...[head, head.map((_, index) => (index === 0 || index > 6 ? '---' : '--:')), ...rows].map(
      (cells) => `| ${cells.join(' | ')} |`,
    ),
  ].join('\n')
}

function lineCells(results, line, measurements, bench) {
  const rounds = Math.max(...[...results.lines.values()].map(({ length }) => length))
  const once = measurements.length < rounds ? ` (${measurements.length} of ${rounds} rounds)` : ''
  const requests = medianOf(measurements, 'requests')
  const limits = results.row.limits
    .filter((limit) => limit.line === line)
    .map((limit) => judged(limit, results, bench))
    .filter((one) => one !== undefined)
  return [
    `${line}${once}`,
    shown(medianOf(measurements, 'seconds')),
    shownAs('requests', requests),
    ...['mib', 'daemonCpu', 'commandCpu', 'peakMib'].map((figure) => shown(medianOf(measurements, figure))),
    limits.map(({ text }) => text).join('<br>'),
    limits.map(({ wanted }) => wanted).join('<br>'),
  ]
}

/** The figure that a limit is about, and whether it holds; undefined where a yardstick was not measured. */
function judged(limit, { lines, latencyMs }, bench) {
  const own = medianOf(lines.get(limit.line), limit.figure ?? 'seconds')
  const atMost = atMostOf(limit, latencyMs, bench)
  if (limit.figure) return { text: `${shown(own)} ${units[limit.figure]}`, wanted: wantedText(own, atMost) }
  const over = limit.over.filter((name) => lines.has(name))
  if (over.length === 0) return undefined
  const ratio = own / Math.min(...over.map((name) => medianOf(lines.get(name), 'seconds')))
  const yardstick = over.length > 1 ? `the best of ${over.join(' and ')}` : over[0]
  return { text: `${shown(ratio)} × ${yardstick}`, wanted: wantedText(ratio, atMost) }
}

/** A number holds everywhere, a function of the sizes too; a table only at its latencies. */
function atMostOf({ atMost }, latencyMs, bench) {
  if (typeof atMost === 'function') return atMost(bench)
  return typeof atMost === 'object' ? atMost[latencyMs] : atMost
}

const wantedText = (value, atMost) =>
  atMost === undefined ? '–' : `≤ ${shown(atMost)} ${value <= atMost ? '✓' : '✗'}`

/** The largest memory that any mount of xnatfs had. */
export function memoryText(allResults, wantedMib) {
  const peaks = allResults
    .flatMap(({ lines }) => [...lines])
    .filter(([line]) => line.startsWith('xnatfs'))
    .flatMap(([, measurements]) => measurements.map(({ peakMib }) => peakMib))
  if (peaks.length === 0) return ''
  return `Peak memory of xnatfs in all of this: ${shown(Math.max(...peaks))} MiB, wanted ${wantedText(Math.max(...peaks), wantedMib)}.`
}

/** How a cold start grows with the number of files: the time of one row beside that of another with a tenth of them. */
export function growthText(allResults, [few, many], line) {
  const secondsOf = (name, latencyMs) => {
    const row = allResults.find((one) => one.row.name === name && one.latencyMs === latencyMs)
    return row?.lines.has(line) ? medianOf(row.lines.get(line), 'seconds') : undefined
  }
  const ratios = [...new Set(allResults.map(({ latencyMs }) => latencyMs))].flatMap((latencyMs) => {
    const ratio = secondsOf(many, latencyMs) / secondsOf(few, latencyMs)
    return Number.isNaN(ratio) ? [] : [`${shown(ratio)} × the time at ${latencyMs} ms`]
  })
  return ratios.length === 0 ? '' : `${line}, ${many} against ${few}: ${ratios.join(', ')}.`
}
