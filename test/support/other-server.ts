import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { end, firstLine, repository } from './processes.js'

/** How one XNAT differs from the next; test/other-server/server.py says what each does. */
export interface OtherServerOptions {
  readonly context?: string
  readonly version?: string
  readonly checksums?: boolean
  readonly sizes?: boolean
  readonly counts?: boolean
  readonly catalogs?: 'page' | 'refused'
  readonly proxy?: readonly ('ranges' | 'gzip' | 'lengths' | 'types')[]
  readonly close?: boolean
  readonly dribbleBytes?: number
  readonly expired?: '401' | '302' | '200'
  readonly stickyCookie?: boolean
  readonly catalogSeconds?: number
}

/** What happens to the requests that match a pattern of "METHOD /path?query", `times` times (default: once). */
export interface OtherFault {
  readonly match: string
  readonly times?: number
  readonly kind:
    | 'status'
    | 'maintenance'
    | 'html'
    | 'login'
    | 'hang-up'
    | 'cut'
    | 'cut-upload'
    | 'nothing'
    | 'rename-upload'
    | 'flip-upload'
    | 'lie'
    | 'flip'
    | 'short'
  readonly status?: number
  readonly sentence?: string
  readonly afterBytes?: number
  readonly atByte?: number
  /** Of a 'rename-upload': what is appended to the name. */
  readonly suffix?: string
}

export interface OtherRequest {
  readonly method: string
  readonly path: string
  readonly status: number | null
}

/** A file that the server has on its disk and in a catalog. */
export interface OtherFile {
  readonly resource: string
  readonly label: string
  readonly path: string
  readonly sizeBytes: number
  readonly md5: string
}

/** A change on the server's disk, behind the back of REST. */
export interface DiskChange {
  readonly resource: string
  readonly path: string
  readonly action: 'write' | 'truncate' | 'remove'
  readonly text?: string
  readonly sizeBytes?: number
  /** The catalog is told. */
  readonly catalog?: boolean
  /** Seconds by which the file's time is later than now: two changes in one second are one to HTTP. */
  readonly later?: number
}

/** The XNAT of test/other-server, which shares no line with ours, in a process of its own. */
export class OtherServer {
  readonly url: string
  readonly user = 'mia'
  readonly password = 'geheim ä:1'
  /** May edit, and has a password that pyxnat can send. */
  readonly plainUser = { name: 'otto', password: 'plain-ascii' }
  readonly reader = { name: 'rita', password: 'lesen' }
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, url: string) {
    this.#process = process
    this.url = url
  }

  static async start(options: OtherServerOptions = {}): Promise<OtherServer> {
    const program = join(repository, 'test', 'other-server', 'server.py')
    const child = spawn('/usr/bin/python3', ['-B', program, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const { url } = JSON.parse(await firstLine(child, 'the other server')) as { url: string }
    return new OtherServer(child, url)
  }

  /** A REST call of the test's own, as the user who may edit. */
  async rest(
    method: 'GET' | 'HEAD' | 'PUT' | 'DELETE',
    path: string,
    body?: Buffer | string,
  ): Promise<{ status: number; body: Buffer }> {
    const authorization = `Basic ${Buffer.from(`${this.user}:${this.password}`).toString('base64')}`
    const response = await request(this.url + path, {
      method,
      headers: { authorization, ...(body !== undefined && { 'content-type': 'application/octet-stream' }) },
      ...(body !== undefined && { body }),
    })
    const bytes = Buffer.from(await response.body.arrayBuffer())
    const isPacked = response.headers['content-encoding'] === 'gzip'
    return { status: response.statusCode, body: isPacked ? gunzipSync(bytes) : bytes }
  }

  /** The server is another one from now on. */
  async setOptions(options: Pick<OtherServerOptions, 'expired'>): Promise<void> {
    await this.#control('PUT', 'options', options)
  }

  async setFaults(...faults: readonly OtherFault[]): Promise<void> {
    await this.#control('PUT', 'faults', faults)
  }

  /** Those that have not happened as often as they were to. */
  async faultsLeft(): Promise<OtherFault[]> {
    const faults = (await this.#control('GET', 'faults')) as OtherFault[]
    return faults.filter(({ times }) => times! > 0)
  }

  async requests(): Promise<OtherRequest[]> {
    return (await this.#control('GET', 'requests')) as OtherRequest[]
  }

  async resetRequests(): Promise<void> {
    await this.#control('DELETE', 'requests')
  }

  async expireSessions(): Promise<void> {
    await this.#control('POST', 'expire-sessions')
  }

  async sessionsOpened(): Promise<number> {
    return ((await this.#control('GET', 'sessions')) as { opened: number }).opened
  }

  /** The accession ID of what has this label in the project ALPHA. */
  async idOf(kind: 'experiments' | 'subjects', label: string): Promise<string> {
    const { body } = await this.rest('GET', `/data/projects/ALPHA/${kind}?format=json`)
    const table = JSON.parse(body.toString()) as { ResultSet: { Result: { ID: string; label: string }[] } }
    return table.ResultSet.Result.find((row) => row.label === label)!.ID
  }

  async files(): Promise<OtherFile[]> {
    return (await this.#control('GET', 'files')) as OtherFile[]
  }

  async change(change: DiskChange): Promise<void> {
    await this.#control('PUT', 'disk', change)
  }

  async stop(): Promise<void> {
    await end(this.#process)
  }

  async #control(method: 'GET' | 'PUT' | 'POST' | 'DELETE', what: string, value?: unknown): Promise<unknown> {
    const response = await request(`${new URL(this.url).origin}/__control/${what}`, {
      method,
      ...(value !== undefined && { body: JSON.stringify(value) }),
    })
    const text = await response.body.text()
    if (response.statusCode >= 300) throw new Error(`${method} ${what}: ${response.statusCode} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
