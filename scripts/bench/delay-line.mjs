// A TCP proxy that answers late: the delay that `xnatfs serve` has by itself, for another server.
import { connect, createServer } from 'node:net'

/** Bytes held back for one connection. More would be read ahead for a client that does not want them. */
const mostHeldBytes = 4 * 1024 * 1024
const requestLine = /(?:^|\n)[A-Z]{3,9} \S+ HTTP\/1\.1\r\n/g

export class DelayLine {
  #server
  #sockets = new Set()
  #targetPort
  #delayMs
  #requests = 0
  #bytes = 0

  constructor(targetPort, delayMs) {
    this.#targetPort = targetPort
    this.#delayMs = delayMs
    this.#server = createServer((client) => this.#serve(client))
  }

  static async start(targetPort, delayMs) {
    const line = new DelayLine(targetPort, delayMs)
    await new Promise((resolve) => line.#server.listen(0, '127.0.0.1', resolve))
    return line
  }

  get port() {
    return this.#server.address().port
  }

  counter = {
    reset: () => {
      this.#requests = 0
      this.#bytes = 0
    },
    read: () => ({ requests: this.#requests, bytes: this.#bytes }),
  }

  async end() {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(client) {
    const server = connect(this.#targetPort, '127.0.0.1')
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', () => socket.destroy())
      socket.once('close', () => this.#sockets.delete(socket))
    }
    client.once('close', () => server.destroy())
    server.once('close', () => setTimeout(() => client.end(), this.#delayMs)) // after what is held back
    client.on('data', (chunk) => {
      this.#requests += chunk.toString('latin1').match(requestLine)?.length ?? 0
      server.write(chunk)
    })
    this.#delay(server, client)
  }

  /** Each part of the answer arrives so much later, and no slower. */
  #delay(server, client) {
    let heldBytes = 0
    server.on('data', (chunk) => {
      heldBytes += chunk.length
      if (heldBytes > mostHeldBytes) server.pause()
      const pass = () => {
        this.#bytes += chunk.length
        client.write(chunk, () => {
          heldBytes -= chunk.length
          if (heldBytes <= mostHeldBytes) server.resume()
        })
      }
      if (this.#delayMs === 0) pass()
      else setTimeout(pass, this.#delayMs)
    })
  }
}
