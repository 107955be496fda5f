import type { Server } from './server.js'

/**
 * A client that knows XNAT's REST interface and nothing of this project. It logs in once: a thousand requests with a
 * password each are a thousand sessions, which is more than XNAT allows.
 */
export class RestClient {
  readonly #url: string
  readonly #cookie: string

  private constructor(url: string, cookie: string) {
    this.#url = url
    this.#cookie = cookie
  }

  static async logIn(server: Server): Promise<RestClient> {
    const { status, body } = await server.rest('POST', '/data/JSESSION')
    if (status !== 200) throw new Error(`the log-in was answered with ${status}`)
    return new RestClient(server.url, `JSESSIONID=${body.toString()}`)
  }

  async get(path: string): Promise<{ status: number; body: Buffer }> {
    const response = await fetch(`${this.#url}${path}`, { headers: { cookie: this.#cookie } })
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }

  /** @param bytes of a file; sent as a form, because XNAT takes an empty file in no other way */
  async put(path: string, bytes?: Buffer): Promise<void> {
    const form = new FormData()
    form.append('file', new Blob([bytes ?? '']), 'file')
    const { status } = await fetch(`${this.#url}${path}`, {
      method: 'PUT',
      headers: { cookie: this.#cookie },
      ...(bytes !== undefined && { body: form }),
    })
    if (status !== 200) throw new Error(`PUT ${path} was answered with ${status}`)
  }
}
