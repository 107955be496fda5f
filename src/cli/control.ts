import { chmod, rename, rm, stat } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { sleep } from '../util/sleep.js'
import type { UnsentFile } from '../vfs/unsent-file.js'
import type { MountStatus } from './mount-status.js'
import type { PrefetchReport, PrefetchWhat } from './prefetch-task.js'

/** What can be asked of a running mount, over its socket: one line of JSON each way. */
export type ControlRequest =
  | { readonly command: 'unmount'; readonly lazy: boolean }
  /** Of a path below the mountpoint, '' for all. */
  | { readonly command: 'refresh'; readonly path: string }
  | { readonly command: 'flush' }
  | { readonly command: 'status' }
  /** Tells how far it has come until it is answered; ends with the connection. */
  | { readonly command: 'prefetch'; readonly paths: readonly string[]; readonly what: PrefetchWhat }
  /** Deletes local bytes of these files of the journal. */
  | { readonly command: 'discard'; readonly ids: readonly string[] }

export interface ControlAnswer {
  readonly isDone: boolean
  /** For the user: what was done, or why not. */
  readonly message: string
  /** What to do, where it is not done. */
  readonly nextStep?: string
  /** Files that are not on the server. */
  readonly unsent?: readonly UnsentFile[]
  readonly status?: MountStatus
  readonly prefetch?: PrefetchReport
  /** What was asked about is not there. */
  readonly isAbsent?: boolean
}

/** A list of unsent files may be long. */
const longestLine = 64 * 1024 * 1024

/** A stopped program does not take its answer. */
const longestAnswerMs = 1000

/** Who asks. */
export interface Asker {
  /** Aborts when he has gone. */
  readonly signal: AbortSignal
  /** Says how far it has come. */
  tell(progress: PrefetchReport): void
}

interface ProgressLine {
  readonly progress: PrefetchReport
}

export interface ControlServer {
  /** Takes no more questions. */
  close(): Promise<void>
  /** Resolves when every question has got its answer; a second later also where somebody does not take it, or does not ask. */
  answered(): Promise<void>
}

/** Listens on the socket of a mount. Its directory lets nobody else in. */
export async function serveControl(
  path: string,
  handle: (request: ControlRequest, asker: Asker) => Promise<ControlAnswer>,
): Promise<ControlServer> {
  const connections = new Set<Promise<void>>()
  const server: Server = createServer((socket) => {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    connections.add(closed)
    const gone = new AbortController()
    void closed.then(() => {
      connections.delete(closed)
      gone.abort()
    })
    const tell = (progress: PrefetchReport): void => void socket.write(JSON.stringify({ progress }) + '\n')
    readLines(socket, () => true)
      .then((line) => handle(JSON.parse(line) as ControlRequest, { signal: gone.signal, tell }))
      .catch((error: unknown) => ({
        isDone: false,
        message: error instanceof Error ? error.message : 'failed',
      }))
      .then((answer) => socket.end(JSON.stringify(answer) + '\n'))
      .catch(() => socket.destroy())
  })
  // Bound by another name: closing it removes that name, where by then the next mount of this place may listen.
  const bound = path.replace(/\.sock$/, process.pid.toString(36))
  await rm(bound, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(bound, resolve)
  })
  await chmod(bound, 0o600)
  const { ino } = await stat(bound)
  await rename(bound, path)
  return {
    close: async () => {
      server.close()
      const now = await stat(path).catch(() => undefined)
      if (now?.ino === ino) await rm(path, { force: true })
    },
    answered: async () => void (await Promise.race([Promise.all(connections), sleep(longestAnswerMs)])),
  }
}

/** Asks a running mount. Undefined when none listens. */
export async function askControl(
  path: string,
  request: ControlRequest,
  onProgress: (progress: PrefetchReport) => void = () => {},
): Promise<ControlAnswer | undefined> {
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
  const last = await readLines(socket, (line) => {
    const said = JSON.parse(line) as ControlAnswer | ProgressLine
    if (!('progress' in said)) return true
    onProgress(said.progress)
    return false
  })
  socket.end()
  return JSON.parse(last) as ControlAnswer
}

/** Reads until a line is the last. @returns that line */
function readLines(socket: Socket, isLast: (line: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = (chunk: string): void => {
      text += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        if (isLast(line)) return resolve(line)
      }
      if (text.length > longestLine) reject(new Error('the line is too long'))
    }
    socket.setEncoding('utf8')
    socket.on('data', take)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the mount ended without an answer; see its log')))
  })
}
