// The command line of the bench.
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { mib } from './figures.mjs'
import { fullSizes, quickSizes } from './sizes.mjs'

export const helpText = (rowNames) => `npm run bench -- [options]

Measures xnatfs beside the ways it replaces, against one embedded XNAT, and prints ratios as a markdown table.

  --rounds N          rounds, of which the median is taken (default: 5)
  --rows NAME,...     only these rows: ${rowNames.slice(0, 6).join(', ')},
                      ${rowNames.slice(6).join(', ')}
  --latency MS,...    round trips to the server (default: 0,20,80)
  --write-mib N       size of the large file that is written (default: 1024)
  --slow S            what takes longer than so many seconds is measured once only (default: 60)
  --folder DIR        where samples, caches and copies go, on the disk to compare with (default: ${tmpdir()})
  --quick             small sizes, one round, no latency: whether everything works
  --write             also write the table to test/bench/results.md
  --help              this text
`

/** @throws Error with a reason for the user */
export function parseOptions(words, rowNames) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string' },
      rows: { type: 'string' },
      latency: { type: 'string' },
      'write-mib': { type: 'string' },
      slow: { type: 'string' },
      folder: { type: 'string' },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const rows = values.rows?.split(',') ?? rowNames
  for (const name of rows)
    if (!rowNames.includes(name)) throw new Error(`--rows: '${name}' is none of ${rowNames.join(', ')}`)
  const number = (name, fallback, least) => (values[name] ? numberOf(name, values[name], least) : fallback)
  const sizes = values.quick ? quickSizes : fullSizes
  return {
    rounds: number('rounds', values.quick ? 1 : 5, 1),
    rows,
    latenciesMs: (values.latency ?? (values.quick ? '0' : '0,20,80'))
      .split(',')
      .map((text) => numberOf('latency', text, 0)),
    sizes: { ...sizes, writeBytes: number('write-mib', sizes.writeBytes / mib, 1) * mib },
    slowSeconds: number('slow', 60, 0),
    folder: values.folder ?? tmpdir(),
    isQuick: values.quick,
    isWritten: values.write,
    isHelp: values.help,
  }
}

function numberOf(name, text, least) {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < least)
    throw new Error(`--${name}: '${text}' is not a whole number of ${least} or more`)
  return value
}
