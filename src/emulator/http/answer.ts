import type { BodySink } from './body-sink.js'

/** What a resource answers with; the shapes are Restlet's representations, because their headers differ. */
export type Body =
  /** StringRepresentation: ISO-8859-1, with a length. */
  | { readonly kind: 'string'; readonly text: string; readonly mediaType: string }
  /** OutputRepresentation: size unknown, so chunked; bytes in the JVM's default charset, here UTF-8. */
  | { readonly kind: 'output'; readonly text: string; readonly mediaType: string }
  /** OutputRepresentation that produces its bytes piece by piece. */
  | {
      readonly kind: 'stream'
      readonly mediaType: string
      readonly write: (sink: BodySink) => Promise<void>
    }
  /** FileRepresentation: ranges, Last-Modified and a length. */
  | {
      readonly kind: 'file'
      readonly path: string
      readonly size: number
      readonly modifiedMs: number
      readonly mediaType: string
    }

export interface Answer {
  readonly status: number
  /** For an error without a body: the sentence on Restlet's Status page. */
  readonly message?: string | undefined
  readonly body?: Body | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** An error whose body is XNAT's empty string: Tomcat puts its own page there. */
  readonly tomcatError?: boolean | undefined
}

/** Leaves a resource with an error status; the message goes to the Status page. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: number
  /** Undefined: Restlet's default sentence is shown. */
  readonly shown: string | undefined

  constructor(status: number, message?: string) {
    super(message ?? `status ${status}`)
    this.status = status
    this.shown = message
  }
}

export function stringBody(text: string, mediaType = 'text/plain'): Body {
  return { kind: 'string', text, mediaType }
}

/** 200 with a string, as `returnString` does. */
export function stringAnswer(text: string, mediaType = 'text/plain', status = 200): Answer {
  return { status, body: stringBody(text, mediaType) }
}

/** Success that set no entity at all: Content-Length 0 and no Content-Type. */
export const EMPTY_OK: Answer = { status: 200 }

export function outputAnswer(text: string, mediaType: string): Answer {
  return { status: 200, body: { kind: 'output', text, mediaType } }
}

/** File not found where XNAT answers with an empty string: 404, or 204 where the caller accepts that. */
export function emptyNotFound(acceptNotFound: boolean): Answer {
  return acceptNotFound ? { status: 204 } : { status: 404, tomcatError: true }
}
