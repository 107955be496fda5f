import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A way to a server on this machine, by which is heard what is said. */
export class WireTap {
  /** Of both. */
  heard = ''
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: number) {
    this.#server = createServer((from) => {
      const to = createConnection(port, '127.0.0.1')
      this.#pass(from, to)
      this.#pass(to, from)
    })
  }

  /** @param port of the server */
  static async start(port: number): Promise<WireTap> {
    const tap = new WireTap(port)
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve))
    return tap
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The sessions that were spoken of. */
  get sessions(): string[] {
    return [...new Set([...this.heard.matchAll(/JSESSIONID=([\w.!-]{8,})/g)].map(([, id]) => id!))]
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (chunk) => (this.heard += chunk.toString('latin1')))
    from.on('error', () => to.destroy())
    from.once('close', () => this.#sockets.delete(from))
    from.pipe(to)
  }
}
