// The rounds of one row, interleaved: what slows the machine down for a while slows everybody.

/** Where one subject stands with the figures of its rounds. */
export class RowResults {
  /** Name of the line to its measurements, one a round. */
  lines = new Map()

  constructor(row, latencyMs, title) {
    Object.assign(this, { row, latencyMs, title })
  }

  record(line, measurement) {
    this.lines.set(line, [...(this.lines.get(line) ?? []), measurement])
  }
}

/**
 * @param skipped `(subject) => boolean`, for what cannot run here
 * @param options.slowSeconds what takes longer is measured once
 */
export async function runRow(row, bench, { rounds, slowSeconds, skipped, progress }) {
  const results = new RowResults(row, bench.latencyMs, row.title(bench))
  const slow = new Set()
  for (let round = 0; round < rounds; round++) {
    bench.isChecked = round === 0
    for (const subject of row.subjects) {
      if (skipped(subject) || slow.has(subject)) continue
      progress(`${row.name}, ${bench.latencyMs} ms, round ${round + 1} of ${rounds}: ${subject.name}`)
      bench.signal.throwIfAborted()
      await subject.run(bench, (line, measurement) => {
        if (measurement.seconds > slowSeconds) slow.add(subject)
        results.record(line, measurement)
      })
    }
  }
  return results
}
