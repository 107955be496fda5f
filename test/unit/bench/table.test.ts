import { describe, expect, it } from 'vitest'
import { RowResults } from '../../../scripts/bench/rounds.mjs'
import { growthText, latencyTable, memoryText } from '../../../scripts/bench/table.mjs'

const mib = 1024 * 1024

/** Three rounds of a row with one limit of time over two yardsticks, and one of bytes. */
function results(latencyMs: number, name = 'row'): RowResults {
  const limits = [
    { line: 'xnatfs, cold', over: ['slow', 'quick', 'not measured'], atMost: { 20: 2 } },
    { line: 'xnatfs, cold', figure: 'mib', atMost: () => 3 },
    { line: 'xnatfs, cold', over: ['not measured'], atMost: { 20: 1 } },
  ]
  const row = new RowResults({ name, limits }, latencyMs, 'a title')
  for (const seconds of [1, 9, 2]) {
    row.record('slow', { seconds: seconds * 2, commandCpuSeconds: 0.5 })
    row.record('quick', { seconds, commandCpuSeconds: 0.5 })
    row.record('xnatfs, cold', {
      seconds: seconds * 1.5,
      commandCpuSeconds: 0.25,
      daemonCpuSeconds: 0.75,
      requests: 7,
      bytes: 4 * mib,
      peakMib: 100 + seconds,
    })
  }
  return row
}

const lineOf = (table: string, line: string): string =>
  table.split('\n').find((text) => text.startsWith(`| ${line}`))!

describe('the table of the bench', () => {
  it('has medians, and the ratio to the best of the yardsticks that were measured', () => {
    expect(lineOf(latencyTable(20, [results(20)], {}), 'xnatfs, cold')).toBe(
      '| xnatfs, cold | 3.00 | 7 | 4.00 | 0.750 | 0.250 | 102 | ' +
        '1.50 × the best of slow and quick<br>4.00 MiB | ≤ 2.00 ✓<br>≤ 3.00 ✗ |',
    )
  })

  it('shows a limit only at the latency it is stated for', () => {
    expect(lineOf(latencyTable(80, [results(80)], {}), 'xnatfs, cold')).toContain('| –<br>≤ 3.00 ✗ |')
  })

  it('leaves open what costs nothing on the wire, and says what was measured less often', () => {
    const row = results(20)
    row.record('once', { seconds: 100, commandCpuSeconds: 1 })
    const table = latencyTable(20, [row], {})
    expect(lineOf(table, 'quick')).toBe('| quick | 2.00 | – | – | – | 0.500 | – |  |  |')
    expect(lineOf(table, 'once')).toContain('| once (1 of 3 rounds) | 100 |')
  })

  it('tells the largest memory of all mounts', () => {
    expect(memoryText([results(20)], 200)).toContain(': 109 MiB, wanted ≤ 200 ✓')
    expect(memoryText([results(20)], 105)).toContain('wanted ≤ 105 ✗')
    expect(memoryText([], 200)).toBe('')
  })

  it('tells how the time grows from row to row, where both were measured', () => {
    const ten = results(20, 'ten')
    for (let round = 0; round < 4; round++) ten.record('xnatfs, cold', { seconds: 27, commandCpuSeconds: 0 })
    expect(growthText([results(20), ten], ['row', 'ten'], 'xnatfs, cold')).toBe(
      'xnatfs, cold, ten against row: 9.00 × the time at 20 ms.',
    )
    expect(growthText([results(20)], ['row', 'ten'], 'xnatfs, cold')).toBe('')
  })
})
