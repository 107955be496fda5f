// Copies the files of a folder as the journal of xnatfs keeps them: copy-synced.mjs FROM TO. Prints the seconds.
// After each file its bytes, its size and its name are on the disk, whatever happens then.
import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const [from, to] = process.argv.slice(2)
const startedMs = performance.now()
const directory = openSync(to, 'r')
for (const name of readdirSync(from)) {
  const file = openSync(join(to, name), 'wx')
  writeSync(file, readFileSync(join(from, name)))
  fsyncSync(file)
  closeSync(file)
  fsyncSync(directory)
}
closeSync(directory)
process.stdout.write(`${(performance.now() - startedMs) / 1000}\n`)
