import type { Answer } from '../http/answer.js'
import type { Exchange } from '../http/exchange.js'
import { requestedMediaType } from '../http/media.js'
import { escapeXml11, urlDecode } from '../http/text.js'
import type { Services } from '../services.js'
import type { UserAccount } from '../users.js'

type Handler = () => Promise<Answer> | Answer

/** A Restlet resource: what it can represent, and what it does for each method. */
export interface RestResource {
  /** In the resource's order; none makes a GET 404. */
  readonly variants: readonly string[]
  /** Called with the chosen media type, which `?format=` has overridden already. Undefined: 404. */
  readonly get?: ((mediaType: string) => Promise<Answer | undefined> | Answer | undefined) | undefined
  readonly put?: Handler | undefined
  readonly post?: Handler | undefined
  readonly delete?: Handler | undefined
}

/** Makes the resource of a request; a StatusError thrown here is what Restlet calls an error of the constructor. */
export type ResourceFactory = (context: RestContext) => RestResource | Promise<RestResource>

/** The request as a resource sees it. */
export class RestContext {
  readonly exchange: Exchange
  readonly services: Services
  /** What followed the matched template, without leading slash; still percent-encoded. */
  readonly remaining: string
  readonly #variables: ReadonlyMap<string, string>

  constructor(
    exchange: Exchange,
    services: Services,
    variables: ReadonlyMap<string, string>,
    remaining: string,
  ) {
    this.exchange = exchange
    this.services = services
    this.#variables = variables
    this.remaining = remaining
  }

  get method(): string {
    return this.exchange.method
  }

  /** HEAD is not GET to XNAT's own code, though Restlet handles it alike (§3.3). */
  get isPlainGet(): boolean {
    return this.exchange.method === 'GET'
  }

  get user(): UserAccount {
    return this.exchange.user
  }

  get query(): Exchange['query'] {
    return this.exchange.query
  }

  /** SecureResource.filepath: the rest of the path, XML-escaped. */
  get filePath(): string {
    return escapeXml11(this.remaining)
  }

  /** A template variable: percent-encoded as it came, then XML-escaped (§1.2). */
  variable(name: string): string | undefined {
    const value = this.#variables.get(name)
    return value === undefined ? undefined : escapeXml11(value)
  }

  /** SCAN_ID and RECON_ID alone are decoded, and only in the resources and files routes (§1.2). */
  decodedVariable(name: string): string | undefined {
    const value = this.#variables.get(name)
    return value === undefined ? undefined : escapeXml11(urlDecode(value))
  }

  /** The media type `?format=` asks for. */
  get requestedFormat(): string | undefined {
    return requestedMediaType(this.query.get('format'))
  }

  overrideVariant(variant: string): string {
    return this.requestedFormat ?? variant
  }
}
