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
const { parametersOfProgram } = await import('./mount-arguments.js')
const { runProgram } = await import('./run-program.js')

// Open sockets and the FUSE library's handles must not keep a finished command running.
const exitCode = await runProgram(() => parametersOfProgram(process.argv.slice(2)))
terminal.leave()
process.exit(exitCode)
