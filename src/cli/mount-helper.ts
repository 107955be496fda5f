#!/usr/bin/env node
import { keepOutOfCoreDumps } from './core-dumps.js'
import { Terminal } from './lost-terminal.js'
import { lackOfNode } from './node-version.js'
import { keepHeapSmall } from './small-heap.js'

const lack = lackOfNode(process.versions.node)
if (lack !== undefined) {
  process.stderr.write(`${lack}\n`)
  process.exit(1)
}
keepOutOfCoreDumps()
keepHeapSmall()
const terminal = new Terminal()
const { parametersOfHelper } = await import('./mount-arguments.js')
const { runProgram } = await import('./run-program.js')

// mount.xnatfs: what mount(8) calls for `mount -t xnatfs` and for lines of /etc/fstab. In the background the same file serves.
const exitCode = await runProgram(() => parametersOfHelper(process.argv.slice(2)))
terminal.leave()
process.exit(exitCode)
