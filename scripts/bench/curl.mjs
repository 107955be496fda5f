// What a careful script does instead: one curl process, one log-in, connections that stay open.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Writes what one curl process is to do.
 * @param transfers each `{ url, output?, range?, upload? }`
 * @returns the path for `curl -K`
 */
export async function curlConfig(bench, folder, transfers) {
  const cookie = await bench.server.logIn()
  const blocks = transfers.map(({ url, output = '/dev/null', range, upload }) =>
    [
      `url = "${url}"`,
      `output = "${output}"`,
      `cookie = "JSESSIONID=${cookie}"`,
      ...(range ? [`range = "${range}"`] : []),
      ...(upload ? [`upload-file = "${upload}"`, 'header = "Content-Type: application/octet-stream"'] : []),
      'silent\nshow-error\nfail',
    ].join('\n'),
  )
  const path = join(folder, 'curlrc')
  writeFileSync(path, `${blocks.join('\nnext\n')}\n`, { mode: 0o600 })
  return path
}

/** A subject that runs curl with what `transfersOf(bench, folder)` says. */
export function curlSubject(name, transfersOf, line = 'curl -K "$CONFIG"') {
  return {
    name,
    needs: ['curl'],
    run: async (bench, record) => {
      const folder = bench.newFolder()
      const config = await curlConfig(bench, folder, transfersOf(bench, folder))
      record(name, await bench.measure(() => bench.shell(line, { CONFIG: config, FOLDER: folder })))
      bench.remove(folder)
    },
  }
}

/** GETs of all files of a data set, so many at once. */
export const allFiles = (set) => (bench) =>
  bench.sets[set].flatMap((one) =>
    one.names.map((name) => ({ url: `${bench.server.url}${one.restPath}/${name}` })),
  )

/** One archive request for all files of a data set. */
export const zipOf = (set, output) => (bench, folder) => [
  {
    url: `${bench.server.url}${bench.sets[set][0].restPath}?format=zip`,
    ...(output && { output: join(folder, output) }),
  },
]
