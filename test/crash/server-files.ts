import { digestOf, seededBytes } from './steps.js'
import type { InitialFile } from './steps.js'

/** A resource on the server. */
export interface Root {
  readonly label: string
  /** Where a mount shows it. */
  readonly mountPath: string
  /** Where REST has it. */
  readonly uri: string
}

const places: readonly (readonly [mountPath: string, uri: string])[] = [
  ['TEST/1/MR1/resources', '/data/projects/TEST/subjects/1/experiments/MR1/resources'],
  ['TEST/1/MR1/scans/1', '/data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources'],
  ['TEST/resources', '/data/projects/TEST/resources'],
  ['TEST/1/resources', '/data/projects/TEST/subjects/1/resources'],
]

/** @param place which kind of parent it has */
export function rootOf(label: string, place: number): Root {
  const [mountPath, uri] = places[place % places.length]!
  return { label, mountPath: `${mountPath}/${label}`, uri: `${uri}/${label}` }
}

interface FileRow {
  readonly URI: string
  readonly Size: string
  readonly digest: string
}

const listedWrong = 'listed wrong or twice:'

/** What any other client sees of the server: plain requests, and none of the program's code. */
export class ServerFiles {
  readonly #url: string
  readonly #authorization: string
  /** XNAT refuses a user with very many log-ins. */
  #cookie = 'none'

  constructor(server: { readonly url: string; readonly user: string; readonly password: string }) {
    this.#url = server.url
    this.#authorization = `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}`
  }

  /** A new resource with these files. */
  async prepare(root: Root, files: readonly InitialFile[]): Promise<void> {
    await this.#request('PUT', root.uri)
    for (const { path, seed, length } of files) await this.put(root, path, seededBytes(seed, length))
  }

  async put(root: Root, path: string, bytes: Buffer): Promise<void> {
    const body = new FormData()
    body.append('file', new Blob([new Uint8Array(bytes)]), 'file')
    await this.#request('PUT', `${root.uri}/files/${encoded(path)}?overwrite=true`, body)
  }

  /**
   * The digest of each stored file. The server's own account of it must be right, once it has carried out what a killed
   * process has asked of it.
   */
  async contents(root: Root): Promise<Map<string, string>> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#contents(root)
      if (attempt === 5 || ![...found.values()].some((content) => content.startsWith(listedWrong)))
        return found
    }
  }

  async #contents(root: Root): Promise<Map<string, string>> {
    const answer = await this.#request('GET', `${root.uri}/files?format=json`)
    const { ResultSet } = (await answer.json()) as { ResultSet: { Result: FileRow[] } }
    const found = new Map<string, string>()
    for (const { URI, Size, digest } of ResultSet.Result) {
      const stored = URI.slice(URI.indexOf('/files/') + '/files/'.length)
      const file = await this.#request('GET', `${root.uri}/files/${encoded(stored)}`)
      const bytes = Buffer.from(await file.arrayBuffer())
      const actual = digestOf(bytes)
      const isListedRight = Number(Size) === bytes.length && digest === actual
      const path = decodeURIComponent(stored)
      found.set(path, isListedRight && !found.has(path) ? actual : `${listedWrong} ${stored}`)
    }
    return found
  }

  async remove(root: Root): Promise<void> {
    await this.#request('DELETE', `${root.uri}?removeFiles=true`)
  }

  async #request(method: string, path: string, body?: FormData): Promise<Response> {
    let answer = await this.#send(method, path, body)
    if (answer.status === 401) {
      this.#cookie = ''
      const login = await this.#send('POST', '/data/JSESSION')
      this.#cookie = `JSESSIONID=${await login.text()}`
      answer = await this.#send(method, path, body)
    }
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }

  #send(method: string, path: string, body?: FormData): Promise<Response> {
    const headers = this.#cookie === '' ? { authorization: this.#authorization } : { cookie: this.#cookie }
    return fetch(this.#url + path, { method, headers, ...(body && { body }) })
  }
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
