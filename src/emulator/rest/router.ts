import type { ResourceFactory } from './resource.js'

/** Characters of a path segment by RFC 3986, which is what a template variable takes. */
const SEGMENT = /(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+/y

type Part = { readonly literal: string } | { readonly variable: string }

interface Route {
  readonly parts: readonly Part[]
  readonly factory: ResourceFactory
  readonly archiveTwin: boolean
}

export interface RouteMatch {
  readonly factory: ResourceFactory
  readonly variables: ReadonlyMap<string, string>
  /** What followed the match, without one leading slash. */
  readonly remaining: string
}

export interface RouteDefinition {
  readonly template: string
  readonly factory: ResourceFactory
  /** Attached a second time below `/archive` (§1.1). */
  readonly archiveTwin: boolean
}

function compile(template: string): Part[] {
  return template
    .split(/(\{\w+\})/)
    .filter((piece) => piece !== '')
    .map((piece) => (piece.startsWith('{') ? { variable: piece.slice(1, -1) } : { literal: piece }))
}

/**
 * Restlet's router in XNAT's settings: a template matches whatever begins like it, and the longest match wins, the
 * first of equals (xnat-wire.md §1.2). `/data/projectsXYZ` is the project list.
 */
export class Router {
  readonly #routes: readonly Route[]

  constructor(definitions: readonly RouteDefinition[]) {
    this.#routes = definitions.map(({ template, factory, archiveTwin }) => ({
      parts: compile(template),
      factory,
      archiveTwin,
    }))
  }

  /** `path` is what follows `/data` or `/REST`, percent-encoded, without the query. */
  match(path: string): RouteMatch | undefined {
    const twin = path.startsWith('/archive/') ? this.#best(path.slice('/archive'.length), true) : undefined
    const direct = this.#best(path, false)
    if (!twin) return direct?.match
    return direct && direct.length > twin.length + '/archive'.length ? direct.match : twin.match
  }

  #best(path: string, twins: boolean): { match: RouteMatch; length: number } | undefined {
    let best: Route | undefined
    let bestLength = -1
    for (const route of this.#routes) {
      if (twins && !route.archiveTwin) continue
      const length = matchedLength(route.parts, path)
      if (length > bestLength) {
        best = route
        bestLength = length
      }
    }
    if (!best) return undefined
    const variables = new Map<string, string>()
    matchedLength(best.parts, path, variables)
    const rest = path.slice(bestLength)
    const remaining = rest.startsWith('/') ? rest.slice(1) : rest
    return { match: { factory: best.factory, variables, remaining }, length: bestLength }
  }
}

/** How many characters of the path the template takes, -1 for no match. */
function matchedLength(parts: readonly Part[], path: string, variables?: Map<string, string>): number {
  let position = 0
  for (const part of parts) {
    if ('literal' in part) {
      if (!path.startsWith(part.literal, position)) return -1
      position += part.literal.length
    } else {
      SEGMENT.lastIndex = position
      const match = SEGMENT.exec(path)
      if (!match) return -1
      variables?.set(part.variable, match[0])
      position += match[0].length
    }
  }
  return position
}
