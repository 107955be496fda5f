#!/usr/bin/env node
import { parametersOfHelper } from './mount-arguments.js'
import { runProgram } from './run-program.js'

// mount.xnatfs: what mount(8) calls for `mount -t xnatfs` and for lines of /etc/fstab. In the background the same file serves.
process.exit(await runProgram(() => parametersOfHelper(process.argv.slice(2))))
