// What is read, by whom, and what the figures should be.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allFiles, curlSubject, zipOf } from './curl.mjs'
import { mib } from './figures.mjs'
import { randomOffsets } from './random-offsets.mjs'
import { localReader, phases, rcloneReader, xnatfsReader } from './reading-subjects.mjs'

const { cold, again, remounted } = phases
const recipe = 'curl zip + unzip + dcm2niix'
const inFlight = 'curl, 32 in flight'
const oneZip = 'curl, one zip'
const oneGet = 'curl, one GET'
const ranges = 'curl, a range each'
const rclone = 'rclone mount, cold'
const disk = 'local disk'

const many = (line) => `curl -Z --parallel-max 32 ${line}`
const readAll = async (bench, folder) => void (await bench.shell('cat "$IN"/* > /dev/null', { IN: folder }))
const againstDisk = [again, remounted].map((line) => ({ line, over: [disk] }))

async function convert(bench, folder) {
  const out = bench.newFolder()
  await bench.shell('dcm2niix -f %s -o "$OUT" "$IN"', { IN: folder, OUT: out })
  bench.remove(out)
}

function seriesRow(name, title) {
  const download = 'curl -K "$CONFIG" && unzip -q -d "$FOLDER/zip" "$FOLDER/zip.zip"'
  const line = `${download} && mkdir "$FOLDER/out" && dcm2niix -d 9 -f %s -o "$FOLDER/out" "$FOLDER/zip"`
  return {
    name,
    sets: [name],
    title: (bench) => `dcm2niix, ${bench.sets[name][0].names.length} DICOM files${title}`,
    needs: ['dcm2niix', 'unzip'],
    subjects: [
      curlSubject(recipe, zipOf(name, 'zip.zip'), line),
      xnatfsReader(name, convert),
      localReader(name, convert),
    ],
    limits: [
      { line: cold, over: [recipe], atMost: { 0: 1.2, 20: 0.9, 80: 0.9 } },
      { line: cold, figure: 'mib', atMost: (bench) => (1.1 * bench.sets[name][0].sizeBytes) / mib },
      ...againstDisk,
    ],
  }
}

function filesRow(name, title, atMost) {
  return {
    name,
    sets: [name],
    title: (bench) => title(bench.sets[name][0].names.length, bench.sizes),
    needs: [],
    subjects: [
      curlSubject(inFlight, allFiles(name), many('-K "$CONFIG"')),
      curlSubject(oneZip, zipOf(name)),
      rcloneReader(name, readAll),
      xnatfsReader(name, readAll),
      localReader(name, readAll),
    ],
    limits: [
      { line: cold, over: [inFlight, oneZip], atMost: { 20: atMost } },
      { line: cold, over: [rclone], atMost: { 20: 0.1 } },
      ...againstDisk,
    ],
  }
}

const findRow = {
  name: 'find',
  sets: ['find'],
  title: ({ sizes }) =>
    `find with sizes, ${sizes.findResources * sizes.findFiles} files in ${sizes.findResources} resources`,
  needs: [],
  subjects: ((find) => [rcloneReader('find', find), xnatfsReader('find', find)])(async (bench, folder) => {
    const count = await bench.shell(`find "$IN" -name 'file-*' -type f -size +0 | wc -l`, { IN: folder })
    const wanted = bench.sizes.findResources * bench.sizes.findFiles
    if (Number(count) !== wanted)
      throw new Error(`find found ${count.trim()} of ${wanted} files in ${folder}`)
  }),
  limits: [
    { line: cold, over: [rclone], atMost: { 20: 0.7 } },
    { line: cold, figure: 'requests', atMost: 6 },
  ],
}

const inMib = (bytes) => `${bytes / mib} MiB`

const sequentialRow = {
  name: 'sequential',
  sets: ['sequential'],
  title: ({ sizes }) => `${inMib(sizes.sequentialBytes)} from the first byte to the last`,
  needs: [],
  subjects: [
    curlSubject(oneGet, allFiles('sequential')),
    rcloneReader('sequential', readAll),
    xnatfsReader('sequential', readAll),
    localReader('sequential', readAll),
  ],
  limits: [
    { line: cold, over: [oneGet], atMost: { 20: 1.2 } },
    { line: cold, over: [rclone] },
    ...againstDisk,
  ],
}

const linkFlags = ['--bandwidth-mbit', '200']
const noRangeRow = {
  name: 'no-range',
  sets: ['sequential'],
  serveFlags: [...linkFlags, '--no-range'],
  title: ({ sizes }) => `${inMib(sizes.sequentialBytes)}, 200 Mbit/s, server without ranges`,
  needs: [],
  subjects: [
    curlSubject(oneGet, allFiles('sequential')),
    xnatfsReader('sequential', readAll, { isColdOnly: true }),
  ],
  limits: [
    { line: cold, over: [oneGet], atMost: { 20: 1.05 } },
    { line: cold, figure: 'mib', atMost: ({ sizes }) => (1.05 * sizes.sequentialBytes) / mib },
  ],
}

const alone = 'xnatfs --connections 1, cold'
const linkRow = {
  name: 'link',
  sets: ['sequential'],
  serveFlags: linkFlags,
  title: ({ sizes }) => `${inMib(sizes.sequentialBytes)}, 200 Mbit/s on each connection`,
  needs: [],
  subjects: [
    curlSubject(oneGet, allFiles('sequential')),
    xnatfsReader('sequential', readAll, { isColdOnly: true, flags: ['--connections', '1'], name: alone }),
    xnatfsReader('sequential', readAll, { isColdOnly: true }),
  ],
  limits: [
    { line: alone, over: [oneGet], atMost: { 20: 1.05 } },
    { line: cold, over: [oneGet], atMost: { 20: 0.5 } },
  ],
}

const randomReader = fileURLToPath(new URL('random-reads.mjs', import.meta.url))
const readAtRandom = async (bench, folder) => {
  const path = join(folder, bench.sets.random[0].names[0])
  return Number(
    await bench.shell('"$NODE" "$READER" "$IN" "$COUNT"', {
      NODE: process.execPath,
      READER: randomReader,
      IN: path,
      COUNT: String(bench.sizes.randomReads),
    }),
  )
}
const rangeEach = (bench) => {
  const [{ url }] = allFiles('random')(bench)
  const { randomBytes, randomReads } = bench.sizes
  return randomOffsets(randomBytes, randomReads).map((first) => ({ url, range: `${first}-${first + 4095}` }))
}

const randomRow = {
  name: 'random',
  sets: ['random'],
  title: ({ sizes }) => `${sizes.randomReads} random reads of 4 KiB in ${inMib(sizes.randomBytes)}`,
  needs: [],
  subjects: [
    curlSubject(ranges, rangeEach),
    rcloneReader('random', readAtRandom),
    xnatfsReader('random', readAtRandom),
    localReader('random', readAtRandom),
  ],
  limits: [
    { line: cold, over: [ranges], atMost: { 20: 1 } },
    { line: cold, figure: 'mib', atMost: 40 },
    { line: cold, over: [rclone] },
    ...againstDisk,
  ],
}

export const readingRows = [
  seriesRow('series', ''),
  seriesRow('series-10x', ', ten times as many'),
  filesRow('small', (count) => `one reader, ${count} × 4 KiB`, 2),
  filesRow('scan', (count, sizes) => `one reader, ${count} × ${sizes.scanFileBytes / 1024} KiB`, 1.5),
  findRow,
  sequentialRow,
  randomRow,
  noRangeRow,
  linkRow,
]
