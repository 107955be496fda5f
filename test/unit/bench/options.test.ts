import { describe, expect, it } from 'vitest'
import { parseOptions } from '../../../scripts/bench/options.mjs'
import { fullSizes, quickSizes } from '../../../scripts/bench/sizes.mjs'

const rows = ['small', 'scan', 'find']
const parse = (...words: string[]): ReturnType<typeof parseOptions> => parseOptions(words, rows)

describe('the options of the bench', () => {
  it('are five rounds of everything at three latencies where none is given', () => {
    expect(parse()).toMatchObject({ rounds: 5, rows, latenciesMs: [0, 20, 80], sizes: fullSizes })
  })

  it('are one small round without latency with --quick', () => {
    expect(parse('--quick')).toMatchObject({ rounds: 1, latenciesMs: [0], sizes: quickSizes })
    expect(parse('--quick', '--rounds', '2', '--latency', '5,7')).toMatchObject({
      rounds: 2,
      latenciesMs: [5, 7],
    })
  })

  it('choose rows and the size that is written', () => {
    const options = parse('--rows', 'find,small', '--write-mib', '3')
    expect(options.rows).toEqual(['find', 'small'])
    expect(options.sizes.writeBytes).toBe(3 * 1024 * 1024)
  })

  it.each([
    [['--rows', 'small,other'], /'other' is none of small, scan, find/],
    [['--rounds', '0'], /--rounds: '0' is not a whole number of 1 or more/],
    [['--latency', '0,x'], /--latency: 'x' is not a whole number of 0 or more/],
    [['--unknown'], /--unknown/],
  ])('%j is refused', (words, reason) => {
    expect(() => parse(...words)).toThrow(reason)
  })
})
