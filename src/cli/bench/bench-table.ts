/** One measurement of one way. What does not apply is undefined. */
export interface Figures {
  readonly seconds: number
  readonly requests?: number
  readonly bytes?: number
  /** Of the process that serves the mount. */
  readonly cpuSeconds?: number
  readonly peakMib?: number
}

const mib = 1024 * 1024

/**
 * Medians as a markdown table.
 * @param ways name to its measurements, one a round
 * @param yardstick the way that the others are compared with
 */
export function benchTable(ways: ReadonlyMap<string, readonly Figures[]>, yardstick: string): string[] {
  const base = ways.get(yardstick)?.map(({ seconds }) => seconds)
  const rows = [...ways].map(([name, rounds]) => {
    const medianOf = (figure: keyof Figures): number | undefined =>
      median(rounds.flatMap((round) => round[figure] ?? []))
    const seconds = medianOf('seconds')!
    const bytes = medianOf('bytes')
    const ratio = base && name !== yardstick ? `${shown(seconds / median(base)!)} ×` : '–'
    return [
      name,
      shown(seconds),
      medianOf('requests')?.toString() ?? '–',
      shown(bytes === undefined ? undefined : bytes / mib),
      shown(medianOf('cpuSeconds')),
      shown(medianOf('peakMib')),
      ratio,
    ]
  })
  const head = ['', 's', 'requests', 'MiB received', 'CPU s, mount', 'peak MiB', `of: ${yardstick}`]
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}

/** The lower one of the middle two; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]
}

function shown(value: number | undefined): string {
  if (value === undefined) return '–'
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3)
}
