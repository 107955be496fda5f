import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { request } from 'undici'
import type { AccountStates, FaultRule, RequestRecord } from '../../src/emulator/emulator.js'
import { end, firstLine, program } from './processes.js'

/** An embedded XNAT in a process of its own, as `xnatfs serve` runs it. */
export class Server {
  readonly url: string
  readonly user: string
  readonly password: string
  readonly readOnlyUser: string
  readonly readOnlyPassword: string
  readonly process: ChildProcess

  private constructor(process: ChildProcess, ready: Record<string, string>) {
    this.process = process
    this.url = ready['url']!
    this.user = ready['user']!
    this.password = ready['password']!
    this.readOnlyUser = ready['readOnlyUser']!
    this.readOnlyPassword = ready['readOnlyPassword']!
  }

  static async start(parameters: readonly string[] = []): Promise<Server> {
    const child = spawn(process.execPath, [program, 'serve', '--json', ...parameters], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return new Server(child, JSON.parse(await firstLine(child, 'xnatfs serve')) as Record<string, string>)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  async setFaults(rules: readonly FaultRule[]): Promise<void> {
    await this.#control('PUT', 'faults', JSON.stringify(rules))
  }

  async setAccounts(states: AccountStates): Promise<void> {
    await this.#control('PUT', 'accounts', JSON.stringify(states))
  }

  async requests(): Promise<RequestRecord[]> {
    return JSON.parse(await this.#control('GET', 'requests')) as RequestRecord[]
  }

  async resetRequests(): Promise<void> {
    await this.#control('DELETE', 'requests')
  }

  async expireSessions(): Promise<void> {
    await this.#control('POST', 'expire-sessions')
  }

  /** A REST call with the log-in of the user who may edit. */
  async rest(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: string | Buffer,
  ): Promise<{ status: number; body: Buffer }> {
    const basic = Buffer.from(`${this.user}:${this.password}`).toString('base64')
    const response = await request(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Basic ${basic}`,
        ...(body && { 'content-type': 'application/octet-stream' }),
      },
      ...(body !== undefined && { body }),
    })
    return { status: response.statusCode, body: Buffer.from(await response.body.arrayBuffer()) }
  }

  async stop(): Promise<void> {
    await end(this.process)
  }

  async #control(method: 'GET' | 'PUT' | 'POST' | 'DELETE', what: string, body?: string): Promise<string> {
    const response = await request(`${this.url}/__emulator/${what}`, {
      method,
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.body.text()
    if (response.statusCode >= 300) throw new Error(`${method} ${what}: ${response.statusCode} ${text}`)
    return text
  }
}
