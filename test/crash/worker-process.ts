import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Result } from './steps.js'
import type { Command, Line, Shown, WorkerStart } from './worker-protocol.js'

/** The worker died before it had done what it was asked. */
export const died = Symbol('died')

/** A worker seen from outside. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #ready: Promise<void>
  readonly ended: Promise<void>
  #answer: ((line: Line | typeof died) => void) | undefined
  /** By lane, what it has said of its steps. */
  readonly results: Result[][] = []
  stateCalls = 0
  /** Called after each step. */
  onStep: () => void = () => {}

  constructor(path: string) {
    this.#child = fork(path, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    this.#child.on('error', () => {}) // a command to a worker that has just died
    const lines = createInterface({ input: this.#child.stdout! })
    this.#ready = new Promise((resolve) => lines.once('line', () => resolve()))
    lines.on('line', (text) => this.#hear(JSON.parse(text) as Line))
    const exited = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    const silent = new Promise<void>((resolve) => lines.once('close', () => resolve()))
    // What it has written before its end is heard to the end.
    this.ended = Promise.all([exited, silent]).then(() => this.#answer?.(died))
  }

  /** @throws Error when the worker could not do it */
  async ask(command: Command): Promise<Shown | undefined | typeof died> {
    await Promise.race([this.#ready, this.ended])
    const heard = new Promise<Line | typeof died>((resolve) => (this.#answer = resolve))
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      await this.ended
      return died
    }
    this.#child.send(command, () => {})
    const line = await heard
    this.#answer = undefined
    if (line === died) return died
    if (line.kind === 'failed') throw new Error(`the worker failed to ${command.kind}: ${line.message}`)
    if (line.kind === 'done') this.stateCalls = line.stateCalls
    return line.kind === 'done' ? line.shown : undefined
  }

  start(options: WorkerStart): Promise<Shown | undefined | typeof died> {
    return this.ask({ kind: 'start', options })
  }

  get pid(): number {
    return this.#child.pid!
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async end(): Promise<void> {
    this.kill()
    await this.ended
  }

  #hear(line: Line): void {
    if (line.kind === 'step') {
      const lane = (this.results[line.lane] ??= [])
      lane[line.index] = line.result
      this.onStep()
    } else if (line.kind !== 'ready') this.#answer?.(line)
  }
}
