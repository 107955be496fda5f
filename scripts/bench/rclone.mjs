// `rclone mount` of the same files over WebDAV: its listing carries sizes, which makes it the fair one to compare with.
import { mkdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DelayLine } from './delay-line.mjs'
import { measure } from './measure.mjs'
import { detach, waitForMount } from './mounts.mjs'
import { endServer, startServer } from './processes.mjs'

/** `rclone serve webdav` behind a delay. */
export class RcloneServer {
  #child
  #line

  static async start(root, delayMs) {
    const server = new RcloneServer()
    const port = await freePort()
    const words = [
      'serve',
      'webdav',
      root,
      '--addr',
      `127.0.0.1:${port}`,
      '--config',
      '/dev/null',
      '--read-only',
    ]
    server.#child = startServer('rclone', words)
    try {
      await answers(port, server.#child)
      server.#line = await DelayLine.start(port, delayMs)
      return server
    } catch (error) {
      await server.end()
      throw error
    }
  }

  get url() {
    return `http://127.0.0.1:${this.#line.port}/`
  }

  get counter() {
    return this.#line.counter
  }

  async end() {
    await this.#line?.end()
    await endServer(this.#child, 10_000)
  }
}

export class RcloneMount {
  #child
  #server

  /** @param directory an empty one for the cache and the mountpoint */
  static async start(server, directory) {
    const mount = new RcloneMount()
    mount.path = join(directory, 'rclone')
    mkdirSync(mount.path)
    mount.#server = server
    mount.#child = startServer('rclone', mountWords(server.url, join(directory, 'cache'), mount.path))
    try {
      await waitForMount(mount.path, mount.#child)
      return mount
    } catch (error) {
      await mount.end()
      throw error
    }
  }

  measure(command) {
    return measure(command, { counter: this.#server.counter, pid: this.#child.pid })
  }

  async end() {
    try {
      await endServer(this.#child, 30_000)
    } finally {
      detach(this.path)
    }
  }
}

/** As users of large files are advised to set it. */
function mountWords(url, cache, path) {
  const cached = '--vfs-cache-mode full --dir-cache-time 1h --attr-timeout 10s'
  const chunks = '--vfs-read-chunk-size 4M --vfs-read-chunk-size-limit 64M --vfs-read-ahead 32M'
  const fixed = `mount --config /dev/null --read-only ${cached} ${chunks} --webdav-vendor other :webdav:`
  return [...fixed.split(' '), path, '--webdav-url', url, '--cache-dir', cache]
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function answers(port, child) {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`rclone serve ended with ${child.exitCode}`)
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await sleep(50)
  }
  throw new Error('rclone serve does not answer')
}
