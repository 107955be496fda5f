// A process that works on a cache directory at random until it is killed or has done enough: it puts and gets blocks
// of files whose bytes follow from their names. Ends with 1 when the cache gives it a wrong byte.
// Prints a dot for each operation, so that the one who kills it can choose when.
// node cache-worker.mjs <dist> <root> <seed> <operations>
import { createHash } from 'node:crypto'

const [dist, root, seedText, operations] = process.argv.slice(2)
const load = (name) => import(`${dist}/cache/${name}.js`)
const { versionKey } = await load('block-cache')
const { CacheDisk } = await load('cache-disk')
const { CacheRoom } = await load('cache-room')
const { CacheWriterId } = await load('cache-writer-id')
const { DiskBlockCache } = await load('disk-block-cache')
const { serverDirectory } = await load('cache-layout')
const { MemoryBudget } = await import(`${dist}/util/memory-budget.js`)
const { Log } = await import(`${dist}/util/log.js`)

const blockSizeBytes = 4096
let state = Number(seedText) >>> 0
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

const log = new Log({ write: (line) => process.stderr.write(`${line}\n`) })
const disk = new CacheDisk({ log })
const room = new CacheRoom({ root, disk, maxBytes: 2 * 1024 * 1024, keepFreeBytes: 0, firstSurveyMs: 50 })
const server = serverDirectory(root, 'https://xnat.example.org')
const writer = new CacheWriterId(server, disk)
const cache = new DiskBlockCache({
  blockSizeBytes,
  disk,
  server,
  room,
  writer,
  budget: new MemoryBudget(64 * 1024 * 1024),
})

const files = Array.from({ length: 60 }, (_, i) => {
  const sizeBytes = i % 3 === 0 ? 40 * blockSizeBytes + 100 * i : 1 + i * 700
  const bytes = Buffer.alloc(sizeBytes, createHash('sha256').update(`file ${i}`).digest())
  bytes.fill(i, 0, 8)
  const digest = createHash('md5').update(bytes).digest('hex')
  const listed = { file: `1/${i}`, version: `${sizeBytes}#${digest}`, sizeBytes, digest }
  const count = Math.ceil(sizeBytes / blockSizeBytes)
  for (let b = 0; b < count; b++) bytes.writeUInt32LE(b * 77 + i, b * blockSizeBytes - (b > 0 ? 4 : 0) || 0)
  listed.digest = createHash('md5').update(bytes).digest('hex')
  listed.version = `${sizeBytes}#${listed.digest}`
  return { key: versionKey(listed, 'a1'), listed, bytes, count }
})
const block = ({ bytes }, index) => bytes.subarray(index * blockSizeBytes, (index + 1) * blockSizeBytes)

for (let n = 0; n < Number(operations); n++) {
  const file = files[random(files.length)]
  const kind = random(10)
  process.stdout.write('.')
  if (kind < 3) {
    for (let index = 0; index < file.count; index++) cache.put(file.key, index, block(file, index), 'proven')
  } else if (kind < 6) {
    const index = random(file.count)
    cache.put(file.key, index, block(file, index), 'unproven')
  } else {
    const index = random(file.count)
    const found = await cache.get(file.key, index)
    if (found && !block(file, index).equals(found)) {
      process.stderr.write(`wrong bytes in block ${index} of ${file.key.file}\n`)
      process.exit(1)
    }
  }
  if (random(40) === 0) await cache.settled()
  else if (random(4) === 0) await new Promise((resolve) => setImmediate(resolve))
}
await cache.close()
await room.close()
process.exit(0)
