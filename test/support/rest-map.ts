import { readFileSync } from 'node:fs'

/** A GET of docs/rest-map.md with its place in the mount. */
export interface MapRow {
  readonly uri: string
  /** What is said of the URI: '' where it is pasted as it is. */
  readonly note: string
  /** The first path of the mount. */
  readonly path: string
  readonly proof: string
}

/** All of them but for those that have no place. */
export function mapRows(): MapRow[] {
  const text = readFileSync(new URL('../../docs/rest-map.md', import.meta.url), 'utf8')
  return text.split('\n').flatMap((line) => {
    const [, uri, note, place, proof] = /^\| GET `([^`]+)`([^|]*) \| ([^|]*) \| (.*) \|$/.exec(line) ?? []
    if (uri === undefined || place!.startsWith('no file')) return []
    const path = /^`([^`]+)`/.exec(place!)?.[1] ?? ''
    return [{ uri, note: note!.trim(), path, proof: proof! }]
  })
}
