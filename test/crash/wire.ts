import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** When something is to happen on the way between client and server. */
export type WireEvent =
  /** So many bytes have gone to the server, those of headers included. */
  | { readonly after: 'sent-bytes'; readonly count: number }
  /** So many bytes have come back. */
  | { readonly after: 'received-bytes'; readonly count: number }
  /** The server has begun to answer so many times; this answer is not passed on any more. */
  | { readonly after: 'answers'; readonly count: number }

interface Armed {
  readonly event: WireEvent
  readonly strike: () => void
  left: number
}

/**
 * A connection to the server that can be cut at any byte, which is also the place to learn how far an exchange has
 * come. Its URL stays when the server is started anew.
 */
export class Wire {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #targetPort: number
  #armed: Armed | undefined

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.#targetPort = targetPort
    server.on('connection', (client) => this.#join(client))
  }

  static async start(targetPort: number): Promise<Wire> {
    const server = createServer({ noDelay: true })
    const wire = new Wire(server, targetPort)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Calls `strike` when the event comes, and cuts the connection on which it came. Once. */
  arm(event: WireEvent, strike: () => void): void {
    this.#armed = { event, strike, left: event.count }
  }

  disarm(): void {
    this.#armed = undefined
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cutAll()
    await closed
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true })
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    let hasAsked = false
    client.on('data', (chunk) => {
      hasAsked = true
      this.#pass(chunk, 'sent-bytes', client, server, end)
    })
    server.on('data', (chunk) => {
      if (hasAsked && this.#countsOut('answers', 1) !== undefined) return this.#strike(end)
      hasAsked = false
      this.#pass(chunk, 'received-bytes', server, client, end)
    })
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        end()
      })
    }
  }

  #pass(chunk: Buffer, kind: WireEvent['after'], from: Socket, to: Socket, end: () => void): void {
    const passing = this.#countsOut(kind, chunk.length)
    if (passing !== undefined) {
      to.write(chunk.subarray(0, passing), () => this.#strike(end))
      return
    }
    if (to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  }

  /** @returns how much of it still passes, if the event comes with it */
  #countsOut(kind: WireEvent['after'], amount: number): number | undefined {
    const armed = this.#armed
    if (armed?.event.after !== kind) return undefined
    if (armed.left > amount) {
      armed.left -= amount
      return undefined
    }
    return armed.left
  }

  #strike(end: () => void): void {
    const armed = this.#armed
    this.#armed = undefined
    armed?.strike()
    end()
  }
}
