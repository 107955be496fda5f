// The embedded XNAT in a process of its own: `xnatfs serve`.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { endServer, startServer } from './processes.mjs'
import { sessionPath, writeSession } from './sample.mjs'

export class XnatServer {
  #child
  #count = 0

  constructor(child, { url, user, password }) {
    this.#child = child
    Object.assign(this, { url, user, password })
  }

  /** @param flags of `xnatfs serve` */
  static async start(program, flags) {
    const child = startServer(process.execPath, [program, 'serve', '--json', ...flags], {
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const line = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve)
      child.once('exit', (code, signal) => reject(new Error(`xnatfs serve ended with ${code ?? signal}`)))
    })
    return new XnatServer(child, JSON.parse(line))
  }

  end() {
    return endServer(this.#child)
  }

  /** A log-in for curl: what a script does that takes care of its speed. */
  async logIn() {
    return this.#rest('POST', '/data/JSESSION')
  }

  /** Makes a resource to write into. @returns its label */
  async newResource() {
    const label = `NEW${++this.#count}_${Date.now()}`
    await this.#rest('PUT', resourcePath(label))
    return label
  }

  async removeResource(label) {
    await this.#rest('DELETE', `${resourcePath(label)}?removeFiles=true`)
  }

  filesUrl(label) {
    return `${this.url}${resourcePath(label)}/files`
  }

  /** Counts requests and bytes of bodies, of both directions, from the server's own log. */
  counter = {
    reset: async () => void (await this.#control('DELETE')),
    read: async () => {
      const records = await this.#settled()
      const bytes = records.reduce((sum, one) => sum + one.requestBytes + one.responseBytes, 0)
      return { requests: records.length, bytes }
    },
  }

  /** What was under way when the measured program ended was asked for by it, and counts. */
  async #settled() {
    for (let attempt = 0; ; attempt++) {
      const records = await this.#control('GET')
      if (attempt >= 100 || records.every(({ durationMs }) => durationMs !== undefined)) return records
      await sleep(50)
    }
  }

  async #control(method) {
    const response = await fetch(`${this.url}/__emulator/requests`, { method })
    return method === 'GET' ? response.json() : response.arrayBuffer()
  }

  async #rest(method, path) {
    const basic = Buffer.from(`${this.user}:${this.password}`).toString('base64')
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Basic ${basic}` },
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }
}

const resourcePath = (label) => `${sessionPath(writeSession)}/resources/${label}`
