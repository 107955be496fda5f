import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

export interface ObservedRequest {
  readonly method: string
  /** With what the base URL has of it. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** Is told of every exchange with a server, log-ins and repeated attempts among them. */
export interface HttpObserver {
  begin(request: ObservedRequest): ExchangeObserver
}

/** Is told how one exchange goes. */
export interface ExchangeObserver {
  sent(bytes: number): void
  answered(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void
  received(bytes: number): void
  /** Once; with the failure, if it failed. */
  ended(failure?: Error): void
}

/** The same dispatcher, with somebody who sees what goes through it. */
export function observed(dispatcher: Dispatcher, observer: HttpObserver): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const headers = (options.headers ?? {}) as Record<string, string>
    const exchange = observer.begin({ method: options.method, path: options.path, headers })
    return dispatch(counted(options, headers, exchange), {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade: (...parameters) => handler.onRequestUpgrade?.(...parameters),
      onResponseStart: (controller, status, answered, message) => {
        exchange.answered(status, answered)
        handler.onResponseStart?.(controller, status, answered, message)
      },
      onResponseData: (controller, chunk) => {
        exchange.received(chunk.length)
        handler.onResponseData?.(controller, chunk)
      },
      onResponseEnd: (controller, trailers) => {
        exchange.ended()
        handler.onResponseEnd?.(controller, trailers)
      },
      onResponseError: (controller, error) => {
        exchange.ended(error)
        handler.onResponseError?.(controller, error)
      },
    })
  })
}

/** A body whose length nobody knows beforehand is counted as it goes. */
function counted(
  options: Dispatcher.DispatchOptions,
  headers: Record<string, string>,
  exchange: ExchangeObserver,
): Dispatcher.DispatchOptions {
  const { body } = options
  const length = headers['content-length']
  if (length !== undefined) exchange.sent(Number(length))
  else if (typeof body === 'string' || body instanceof Uint8Array) exchange.sent(Buffer.byteLength(body))
  else if (body instanceof Readable) {
    return { ...options, body: Readable.from(passing(body, exchange), { objectMode: false }) }
  }
  return options
}

async function* passing(body: Readable, exchange: ExchangeObserver): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    exchange.sent((chunk as Buffer).length)
    yield chunk as Buffer
  }
}
