import { escapeXml11, urlDecode } from './text.js'

/**
 * The query of a request as Restlet's Form and XNAT's SecureResource see it: first value wins, values are
 * XML-escaped, a name without a value is there but has none.
 */
export class Query {
  readonly raw: string
  readonly #values = new Map<string, (string | null)[]>()

  constructor(raw: string) {
    this.raw = raw
    for (const part of raw.split('&')) {
      if (part === '') continue
      const equals = part.indexOf('=')
      if (equals === 0) continue
      const name = urlDecode(equals < 0 ? part : part.slice(0, equals))
      const text = equals < 0 ? '' : part.slice(equals + 1)
      const values = this.#values.get(name)
      const value = text === '' ? null : urlDecode(text)
      if (values) values.push(value)
      else this.#values.set(name, [value])
    }
  }

  names(): string[] {
    return [...this.#values.keys()]
  }

  /** The first value, escaped; undefined if the name is absent or has no value. */
  get(name: string): string | undefined {
    const value = this.#values.get(name)?.[0]
    return value == null ? undefined : escapeXml11(value)
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  all(name: string): string[] {
    return (this.#values.get(name) ?? []).filter((value) => value !== null)
  }

  /** Any value but `false` and `0` is true (SecureResource.isQueryVariableTrueHelper). */
  isTrue(name: string): boolean {
    const value = this.get(name)
    return value !== undefined && !/^(?:false|0)$/i.test(value)
  }

  isFalse(name: string): boolean {
    const value = this.get(name)
    return value !== undefined && /^(?:false|0)$/i.test(value)
  }

  /** The value unescaped, for what never reaches XNAT's own code (Restlet's tunnel). */
  plain(name: string): string | undefined {
    return this.#values.get(name)?.[0] ?? undefined
  }
}
