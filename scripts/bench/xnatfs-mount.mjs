// A mount of the embedded XNAT by the program as users run it, with directories of its own.
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { measure } from './measure.mjs'
import { detach, waitForMount } from './mounts.mjs'
import { endServer, startServer } from './processes.mjs'

export class XnatfsMount {
  #child
  #server

  constructor(child, path, server) {
    this.#child = child
    this.#server = server
    this.path = path
  }

  /**
   * @param directory keeps the caches and the state: a new one is a cold start, a used one a remount
   * @param flags of `xnatfs mount`
   */
  static async start(program, server, directory, flags = []) {
    const path = join(directory, 'xnat')
    for (const name of ['xnat', 'run']) mkdirSync(join(directory, name), { recursive: true })
    const said = openSync(join(directory, 'said'), 'w')
    const child = startServer(process.execPath, [program, 'mount', path, '--foreground', ...flags], {
      env: environment(directory, server),
      stdout: said,
      stderr: said,
    })
    closeSync(said)
    const mount = new XnatfsMount(child, path, server)
    try {
      await waitForMount(path, child)
      await stat(path) // it answers
      return mount
    } catch (error) {
      await mount.end()
      throw new Error(`${error.message}: ${readFileSync(join(directory, 'said'), 'utf8')}`, { cause: error })
    }
  }

  measure(command) {
    return measure(command, { counter: this.#server.counter, pid: this.#child.pid })
  }

  async end() {
    try {
      await endServer(this.#child, 120_000)
    } finally {
      detach(this.path)
    }
  }
}

function environment(directory, server) {
  return {
    XDG_CACHE_HOME: join(directory, 'cache'),
    XDG_STATE_HOME: join(directory, 'state'),
    XDG_RUNTIME_DIR: join(directory, 'run'),
    NETRC: '/dev/null',
    XNAT_HOST: server.url,
    XNAT_USER: server.user,
    XNAT_PASS: server.password,
  }
}
