#!/usr/bin/env node
import { keepOutOfCoreDumps } from './core-dumps.js'
import { keepHeapSmall } from './small-heap.js'

keepOutOfCoreDumps()
keepHeapSmall()
const { parametersOfHelper } = await import('./mount-arguments.js')
const { runProgram } = await import('./run-program.js')

// mount.xnatfs: what mount(8) calls for `mount -t xnatfs` and for lines of /etc/fstab. In the background the same file serves.
process.exit(await runProgram(() => parametersOfHelper(process.argv.slice(2))))
