import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Accounts } from '../auth/accounts.js'
import type { SessionStore } from '../auth/sessions.js'
import { messageOf } from '../unknown.js'
import type { FaultTable } from './fault-table.js'
import type { RequestLog } from './request-log.js'

/** What tests in other processes do through HTTP, below `/__emulator/` and from loopback only. */
export const CONTROL_PREFIX = '/__emulator/'

const MAX_BODY = 4 * 1024 * 1024

export interface ControlParts {
  readonly faults: FaultTable
  readonly log: RequestLog
  readonly sessions: SessionStore
  readonly accounts: Accounts
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address)
}

function reply(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
  })
  response.end(body)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw new TypeError('the body is too large for a fault table')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

export async function handleControl(
  request: IncomingMessage,
  response: ServerResponse,
  parts: ControlParts,
): Promise<void> {
  if (!isLoopback(request.socket.remoteAddress)) {
    reply(response, 403, { error: 'the control path answers on loopback only' })
    return
  }
  const path = request.url!.slice(CONTROL_PREFIX.length).split('?', 1)[0]
  const action = `${request.method} ${path}`
  switch (action) {
    case 'GET faults':
      return reply(response, 200, parts.faults.rules())
    case 'PUT faults':
      return replace(request, response, parts.faults, () => parts.faults.rules())
    case 'GET accounts':
      return reply(response, 200, parts.accounts.states)
    case 'PUT accounts':
      return replace(request, response, parts.accounts, () => parts.accounts.states)
    case 'GET requests':
      return reply(response, 200, parts.log.all())
    case 'DELETE requests':
      parts.log.reset()
      return reply(response, 200, {})
    case 'POST expire-sessions':
      parts.sessions.clear()
      return reply(response, 200, {})
    default:
      return reply(response, 404, {
        error: `${action} is unknown; there are GET and PUT faults, GET and PUT accounts, GET and DELETE requests, POST expire-sessions`,
      })
  }
}

async function replace(
  request: IncomingMessage,
  response: ServerResponse,
  what: { replace(value: unknown): void },
  now: () => unknown,
): Promise<void> {
  try {
    what.replace(JSON.parse(await readBody(request)))
    reply(response, 200, now())
  } catch (error) {
    reply(response, 400, { error: messageOf(error) })
  }
}
