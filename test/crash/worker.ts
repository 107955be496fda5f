import { writeSync } from 'node:fs'
import { causeChain } from '../../src/util/log.js'
import { readFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { LaneRunner } from './lane-runner.js'
import { startLayers } from './layers.js'
import type { Layers } from './layers.js'
import { countStateCalls } from './state-calls.js'
import { digestOf } from './steps.js'
import type { Command, Line, Shown, WorkerLane, WorkerStart } from './worker-protocol.js'

/**
 * The process that is killed: all layers of a mount but FUSE, and the programs that use it. What it has done it says
 * by a synchronous write, so that what was said to be done can be held against it.
 */
let layers: Layers | undefined
let fs: FileSystem | undefined
let stateCalls = (): number => 0

function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

async function start(options: WorkerStart): Promise<void> {
  stateCalls = await countStateCalls(options.killAtCall, die)
  layers = await startLayers(options)
  fs = vfsFileSystem(layers.vfs)
}

async function run(lanes: readonly WorkerLane[], isHealthy: boolean): Promise<void> {
  await Promise.all(
    lanes.map(({ steps, mountPaths }, lane) => {
      const at = (path: string): string => {
        const cut = path.indexOf('/')
        return mountPaths[path.slice(0, cut)] + path.slice(cut)
      }
      const runner = new LaneRunner(fs!, at, isHealthy)
      return runner.run(steps, (index, result) => say({ kind: 'step', lane, index, result }))
    }),
  )
}

async function show(paths: readonly string[]): Promise<Shown> {
  layers!.vfs.refresh()
  const files: Record<string, string> = {}
  const walk = async (path: string): Promise<void> => {
    for (const name of await fs!.list(path)) {
      const inside = `${path}/${name}`
      if ((await fs!.stat(inside)).kind === 'directory') await walk(inside)
      else files[inside] = digestOf(await readFile(fs!, inside))
    }
  }
  for (const path of paths) await walk(path)
  return { files, left: await layers!.left(), complaints: layers!.complaints() }
}

async function obey(command: Command): Promise<Shown | undefined> {
  if (command.kind === 'show') return show(command.paths)
  if (command.kind === 'start') await start(command.options)
  else if (command.kind === 'run') await run(command.lanes, command.isHealthy)
  else if (command.kind === 'drain') await layers!.drain()
  else await layers!.stop()
  return undefined
}

process.on('message', (command: Command) => {
  obey(command)
    .then((shown) => say({ kind: 'done', stateCalls: stateCalls(), ...(shown && { shown }) }))
    .catch((error: unknown) => say({ kind: 'failed', message: causeChain(error) }))
})
process.on('disconnect', die)
process.on('SIGXFSZ', () => {}) // a file that may not grow any more is an error of write(), not the end
say({ kind: 'ready' })
