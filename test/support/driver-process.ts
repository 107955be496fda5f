import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { end, repository } from './processes.js'

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export interface Figures {
  readonly descriptors: number
  readonly threads: number
  readonly residentKiB: number
  readonly children: readonly string[]
}

/** A process that mounts file systems in memory by the driver libfuse3 (driver-child.mjs). */
export class DriverProcess {
  readonly process: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #last = 0

  private constructor(child: ChildProcess) {
    this.process = child
    child.on('message', (message) => {
      const answer = message as Answer
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  static async start(): Promise<DriverProcess> {
    const child = fork(join(repository, 'test/support/driver-child.mjs'), { execArgv: ['--expose-gc'] })
    const driver = new DriverProcess(child)
    await new Promise<void>((resolve, reject) => {
      driver.#waiting.set(0, () => resolve())
      child.once('exit', (code) => reject(new Error(`the driver's process ended with ${code}`)))
    })
    return driver
  }

  async ask<T = unknown>(command: string, ...parameters: readonly unknown[]): Promise<T> {
    const id = ++this.#last
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve)
      this.process.send({ id, command, parameters })
    })
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.result as T
  }

  /** As `ask`, for what is never answered. */
  tell(command: string, ...parameters: readonly unknown[]): void {
    this.process.send({ id: ++this.#last, command, parameters })
  }

  stop(): Promise<void> {
    return end(this.process, 'SIGKILL')
  }
}
