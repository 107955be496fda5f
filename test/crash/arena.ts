import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { end } from '../support/processes.js'
import { Server } from '../support/server.js'
import { compileWorker } from './compiled-worker.js'
import type { CompiledWorker } from './compiled-worker.js'
import { ServerFiles } from './server-files.js'
import { Wire } from './wire.js'
import { WorkerProcess } from './worker-process.js'

/** A server, the wire to it, and workers that begin at once: what runs share. */
export class Arena {
  readonly directory: string
  readonly wire: Wire
  /** The server by its own port, whatever happens on the wire. */
  readonly files: ServerFiles
  #server: Server
  readonly #compiled: CompiledWorker
  readonly #workers = new Set<WorkerProcess>()
  #spare: WorkerProcess

  private constructor(directory: string, server: Server, wire: Wire, compiled: CompiledWorker) {
    this.directory = directory
    this.#server = server
    this.wire = wire
    this.files = new ServerFiles(server)
    this.#compiled = compiled
    this.#spare = this.#spawn()
  }

  static async start(): Promise<Arena> {
    const directory = await mkdtemp(join(tmpdir(), 'xnatfs-crash-'))
    const server = await Server.start(['--state', join(directory, 'server')])
    return new Arena(directory, server, await Wire.start(server.port), await compileWorker())
  }

  get server(): Server {
    return this.#server
  }

  get credentials(): { url: string; user: string; password: string } {
    const { user, password } = this.#server
    return { url: this.wire.url, user, password }
  }

  /** A worker that has its modules loaded. */
  worker(): WorkerProcess {
    const worker = this.#spare
    this.#spare = this.#spawn()
    return worker
  }

  /** A state directory of its own. */
  stateDirectory(): Promise<string> {
    return mkdtemp(join(this.directory, 'state-'))
  }

  killServer(): Promise<void> {
    return end(this.#server.process, 'SIGKILL')
  }

  async restartServer(): Promise<void> {
    await this.killServer()
    const { port } = this.#server
    this.#server = await Server.start(['--state', join(this.directory, 'server'), '--port', String(port)])
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) await worker.end()
    await this.wire.stop()
    await this.#server.stop()
    await this.#compiled.remove()
    await rm(this.directory, { recursive: true, force: true })
  }

  #spawn(): WorkerProcess {
    const worker = new WorkerProcess(this.#compiled.path)
    this.#workers.add(worker)
    void worker.ended.then(() => this.#workers.delete(worker))
    return worker
  }
}
