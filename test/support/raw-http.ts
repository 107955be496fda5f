import { connect, type Socket } from 'node:net'

/** The start of an answer as it came over the wire. */
export interface RawHead {
  readonly status: number
  /** Names in lower case; of a header that comes twice, the last. */
  readonly headers: ReadonlyMap<string, string>
}

/**
 * One connection on which a test says byte by byte what it wants, and sees what really came: silence, lengths that are
 * not true and ends in the middle, all of which an HTTP client would hide or refuse.
 */
export class RawConnection {
  readonly #socket: Socket
  readonly #host: string
  #received = Buffer.alloc(0)
  #isClosed = false
  #wake: (() => void)[] = []

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#changed()
    })
    // A reset is how some servers end what they cannot finish.
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#isClosed = true
      this.#changed()
    })
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port, host } = new URL(url)
    const socket = connect({ port: Number(port) || 80, host: hostname, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new RawConnection(socket, host)
  }

  /** True once the other side has closed. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sends a request head (Host is added) and, if given, the beginning of a body. */
  send(requestLine: string, headers: Readonly<Record<string, string>>, body?: string | Buffer): void {
    this.#request(requestLine, '1.1', headers)
    if (body !== undefined) this.#socket.write(body)
  }

  /** As a client sends it that knows only the first version of the protocol, or a proxy for one that knows more. */
  sendOld(requestLine: string, headers: Readonly<Record<string, string>>): void {
    this.#request(requestLine, '1.0', headers)
  }

  #request(requestLine: string, version: string, headers: Readonly<Record<string, string>>): void {
    const lines = Object.entries({ Host: this.#host, ...headers }).map(([name, value]) => `${name}: ${value}`)
    this.#socket.write(`${requestLine} HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  }

  write(body: string | Buffer): void {
    this.#socket.write(body)
  }

  /** Sends no more, and goes on to listen. */
  endSending(): void {
    this.#socket.end()
  }

  /** The status line and headers of the next answer; interim ones such as 100 count as answers. */
  async head(): Promise<RawHead> {
    await this.#until(() => this.#headEnd() >= 0)
    const end = this.#headEnd()
    if (end < 0) throw new Error('the connection closed before an answer came')
    const [first, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    this.#received = this.#received.subarray(end + 4)
    const headers = new Map<string, string>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    return { status: Number(first!.split(' ')[1]), headers }
  }

  /** What came after the head so far, once there are `bytes` of it or the connection is closed. */
  async body(bytes: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= bytes)
    return this.#received
  }

  /** The next `bytes` of what came after the head, without what is behind them. */
  async take(bytes: number): Promise<Buffer> {
    const body = (await this.body(bytes)).subarray(0, bytes)
    this.#received = this.#received.subarray(bytes)
    return body
  }

  /** All that comes until the other side closes. */
  async rest(): Promise<Buffer> {
    await this.#until(() => false)
    return this.#received
  }

  /** Breaks the connection. */
  destroy(): void {
    this.#socket.destroy()
  }

  #headEnd(): number {
    return this.#received.indexOf('\r\n\r\n')
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isClosed) {
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}
