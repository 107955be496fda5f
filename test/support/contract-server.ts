import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Client } from 'undici'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { EmulatorOptions, RunningEmulator } from '../../src/emulator/emulator.js'

/**
 * What the contract tests run against: the embedded XNAT, or the real one that XNATFS_TEST_URL, XNATFS_TEST_USER and
 * XNATFS_TEST_PASS name. All fixtures are made by REST, in a project that is removed at the end.
 */
const realUrl = process.env['XNATFS_TEST_URL']

/** For `describe.runIf`: what needs a second user, site settings or the control path. */
export const isEmulated = realUrl === undefined

export interface ContractRequest {
  /** An `authorization` or `cookie` among them takes the place of the test's own log-in. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** False: neither cookie nor Authorization is sent. */
  readonly login?: boolean
}

export interface ContractResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The body as UTF-8. */
  readonly text: string
}

export interface ContractServer {
  readonly url: string
  readonly user: string
  readonly password: string
  /** ID of a project of the test's own, empty at first. */
  readonly project: string
  /** Present if this is the embedded XNAT. */
  readonly emulator: RunningEmulator | undefined
  /** `path` is sent as it stands, below the URL's own path: nothing is encoded, no redirect followed. */
  request(method: string, path: string, options?: ContractRequest): Promise<ContractResponse>
  close(): Promise<void>
}

export async function startContractServer(options: EmulatorOptions = {}): Promise<ContractServer> {
  const emulator = isEmulated ? await startEmulator({ empty: true, ...options }) : undefined
  const url = (emulator?.url ?? realUrl!).replace(/\/+$/, '')
  const user = emulator?.user ?? process.env['XNATFS_TEST_USER'] ?? ''
  const password = emulator?.password ?? process.env['XNATFS_TEST_PASS'] ?? ''
  const { origin, pathname } = new URL(url)
  const prefix = pathname === '/' ? '' : pathname
  const client = new Client(origin)

  const send = async (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    content?: string | Buffer,
  ): Promise<ContractResponse> => {
    const response = await client.request({
      method,
      path: prefix + path,
      headers,
      ...(content !== undefined && { body: content }),
    })
    const body = Buffer.from(await response.body.arrayBuffer())
    return { status: response.statusCode, headers: response.headers, body, text: body.toString('utf8') }
  }
  // One session for the whole test: each request with Basic alone would open another (xnat-wire.md §7).
  let cookie = ''
  const logIn = async (): Promise<void> => {
    const answer = await send('POST', '/data/JSESSION', { authorization: basic(user, password) })
    if (answer.status !== 200) throw new Error(`log-in at ${url}: ${answer.status}`)
    cookie = `JSESSIONID=${answer.text.trim()}`
  }
  const request: ContractServer['request'] = async (method, path, { headers = {}, body, login } = {}) => {
    const names = Object.keys(headers).map((name) => name.toLowerCase())
    const isOwn = login === false || names.includes('authorization') || names.includes('cookie')
    if (!isOwn && cookie === '') await logIn()
    return send(method, path, isOwn ? headers : { ...headers, cookie }, body)
  }

  const project = `xnatfs_${randomBytes(6).toString('hex')}`
  const created = await request('PUT', `/data/projects/${project}`)
  if (created.status !== 200) throw new Error(`creation of project ${project}: ${created.status}`)
  return {
    url,
    user,
    password,
    project,
    emulator,
    request,
    close: async () => {
      try {
        await send('DELETE', `/data/projects/${project}?removeFiles=true`, {
          authorization: basic(user, password),
        })
      } finally {
        await client.close()
        await emulator?.close()
      }
    },
  }
}

/** The value of an Authorization header. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
