import type { Server } from './server.js'

/** A resource of small text files, as another client sees it. */
export interface StoredTexts {
  make(): Promise<void>
  put(name: string, text: string): Promise<Response>
  /** Texts by name. */
  texts(): Promise<Record<string, string>>
  rest(method: string, path: string, body?: string): Promise<Response>
}

/** @param uri of the resource, from /data on */
export function storedTexts(
  { url, user, password }: Pick<Server, 'url' | 'user' | 'password'>,
  uri: string,
): StoredTexts {
  const basic = Buffer.from(`${user}:${password}`).toString('base64')
  const rest = (method: string, path: string, body?: string): Promise<Response> =>
    fetch(url + path, {
      method,
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/octet-stream' },
      ...(body !== undefined && { body }),
    })
  return {
    rest,
    make: async () => void (await rest('PUT', uri)),
    put: (name, text) => rest('PUT', `${uri}/files/${name}?overwrite=true`, text),
    texts: async () => {
      const listing = (await (await rest('GET', `${uri}/files?format=json`)).json()) as {
        ResultSet: { Result: { URI: string }[] }
      }
      const names = listing.ResultSet.Result.map(({ URI }) => URI.split('/files/')[1]!).toSorted()
      const texts = names.map(
        async (name) => [name, await (await rest('GET', `${uri}/files/${name}`)).text()] as const,
      )
      return Object.fromEntries(await Promise.all(texts))
    },
  }
}
