// Reads 4 KiB at random places of a file, one after the other: random-reads.mjs FILE COUNT. Prints the seconds.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { randomOffsets } from './random-offsets.mjs'

const [path, count] = process.argv.slice(2)
const buffer = Buffer.alloc(4096)
const startedMs = performance.now()
const file = openSync(path, 'r')
for (const offset of randomOffsets(fstatSync(file).size, Number(count)))
  if (readSync(file, buffer, 0, 4096, offset) !== 4096)
    throw new Error(`${path} ends before ${offset + 4096}`)
closeSync(file)
process.stdout.write(`${(performance.now() - startedMs) / 1000}\n`)
