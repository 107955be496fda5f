import { chmod, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { UnsentFile } from '../vfs/vfs.js'
import type { MountStatus } from './mount-status.js'

/** What can be asked of a running mount, over its socket: one line of JSON each way. */
export type ControlRequest =
  | { readonly command: 'unmount'; readonly lazy: boolean }
  /** Of a path below the mountpoint, '' for all. */
  | { readonly command: 'refresh'; readonly path: string }
  | { readonly command: 'flush' }
  | { readonly command: 'status' }
  /** Deletes local bytes of these files of the journal. */
  | { readonly command: 'discard'; readonly ids: readonly string[] }

export interface ControlAnswer {
  readonly isDone: boolean
  /** For the user: what was done, or why not. */
  readonly message: string
  /** Files that are not on the server. */
  readonly unsent?: readonly UnsentFile[]
  readonly status?: MountStatus
}

/** A list of unsent files may be long. */
const longestLine = 64 * 1024 * 1024

export interface ControlServer {
  /** Takes no more questions. */
  close(): Promise<void>
  /** Resolves when every question has got its answer. */
  answered(): Promise<void>
}

/** Listens on the socket of a mount. Its directory lets nobody else in. */
export async function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlServer> {
  await rm(path, { force: true })
  const connections = new Set<Promise<void>>()
  const server: Server = createServer((socket) => {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    connections.add(closed)
    void closed.then(() => connections.delete(closed))
    readLine(socket)
      .then((line) => handle(JSON.parse(line) as ControlRequest))
      .catch((error: unknown) => ({
        isDone: false,
        message: error instanceof Error ? error.message : 'failed',
      }))
      .then((answer) => socket.end(JSON.stringify(answer) + '\n'))
      .catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  await chmod(path, 0o600)
  return {
    close: async () => {
      server.close()
      await rm(path, { force: true })
    },
    answered: async () => void (await Promise.all(connections)),
  }
}

/** Asks a running mount. Undefined when none listens. */
export async function askControl(path: string, request: ControlRequest): Promise<ControlAnswer | undefined> {
  const socket = await new Promise<Socket | undefined>((resolve, reject) => {
    const connection = createConnection(path)
    connection.once('connect', () => resolve(connection))
    connection.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else reject(error)
    })
  })
  if (!socket) return undefined
  socket.write(JSON.stringify(request) + '\n')
  const answer = JSON.parse(await readLine(socket)) as ControlAnswer
  socket.end()
  return answer
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
      else if (text.length > longestLine) reject(new Error('the line is too long'))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the mount ended without an answer; see its log')))
  })
}
