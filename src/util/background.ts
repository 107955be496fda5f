import { causeChain } from './log.js'
import type { Log } from './log.js'

/** Lets a task go on by itself; a failure is logged. @param what names it: "remove a temporary file" */
export function inBackground(log: Log, what: string, task: Promise<unknown>): void {
  task.catch((error: unknown) => log.warn(`${what}: ${causeChain(error)}`))
}
