import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { BodyEnded } from '../http/body-sink.js'
import { preferredVariant } from '../http/conneg.js'
import { ClientAbort, type Exchange } from '../http/exchange.js'
import { sendRestlet } from '../http/send.js'
import type { Services } from '../services.js'
import { isGuest } from '../users.js'
import { RestContext, type RestResource } from './resource.js'
import type { Router } from './router.js'

/** User agents bitwalker's parser calls browsers; only they need the CSRF token (xnat-wire.md §7). */
const BROWSER = /MSIE|Trident|Firefox|Chrome|Safari|Opera|Edg\//

interface Outcome {
  readonly answer: Answer
  readonly negotiated: boolean
}

/** Handles a request below `/data` or `/REST`; `path` is what follows that prefix. */
export async function dispatchRest(
  exchange: Exchange,
  services: Services,
  router: Router,
  path: string,
): Promise<void> {
  const { answer, negotiated } = await outcomeOf(exchange, services, router, path)
  try {
    await sendRestlet(exchange, { range: services.range }, answer, negotiated)
  } catch (error) {
    if (error instanceof BodyEnded) return
    // The head is out already: all that is left is to let the client see that the body is not whole.
    exchange.response.destroy()
  }
}

async function outcomeOf(
  exchange: Exchange,
  services: Services,
  router: Router,
  path: string,
): Promise<Outcome> {
  try {
    if (!isCsrfTokenOk(exchange)) return plain({ status: 500, message: 'INVALID CSRF' })
    const match = router.match(path)
    if (!match) return plain({ status: 404 })
    const context = new RestContext(exchange, services, match.variables, match.remaining)
    return await handle(context, await match.factory(context))
  } catch (error) {
    return plain(errorAnswer(error))
  }
}

export function errorAnswer(error: unknown): Answer {
  if (error instanceof StatusError) return { status: error.status, message: error.shown }
  if (error instanceof ClientAbort) return { status: 500, message: error.message }
  return { status: 500, message: error instanceof Error ? error.message : String(error) }
}

function plain(answer: Answer): Outcome {
  return { answer, negotiated: false }
}

async function handle(context: RestContext, resource: RestResource): Promise<Outcome> {
  switch (context.method) {
    case 'GET':
    case 'HEAD':
      return resource.get ? represent(context, resource, resource.get) : plain(notAllowed(resource))
    case 'PUT':
      return plain(resource.put ? await resource.put() : notAllowed(resource))
    case 'POST':
      return plain(resource.post ? await resource.post() : notAllowed(resource))
    case 'DELETE':
      return plain(resource.delete ? await resource.delete() : notAllowed(resource))
    case 'OPTIONS':
      return plain({ ...EMPTY_OK, headers: { Allow: allowedMethods(resource) } })
    default:
      return plain(notAllowed(resource))
  }
}

async function represent(
  context: RestContext,
  resource: RestResource,
  get: NonNullable<RestResource['get']>,
): Promise<Outcome> {
  if (resource.variants.length === 0) return plain({ status: 404 })
  const variant = preferredVariant(resource.variants, context.exchange.accept)
  // The list of variants that Restlet sends with a 406 is empty, so Tomcat fills in its page.
  if (variant === undefined) return plain({ status: 406, tomcatError: true })
  try {
    const answer = await get(context.overrideVariant(variant))
    return { answer: answer ?? { status: 404 }, negotiated: true }
  } catch (error) {
    return { answer: errorAnswer(error), negotiated: true }
  }
}

function allowedMethods(resource: RestResource): string {
  const methods: string[] = []
  if (resource.post) methods.push('POST')
  if (resource.delete) methods.push('DELETE')
  if (resource.put) methods.push('PUT')
  if (resource.get) methods.push('GET', 'HEAD')
  return [...methods, 'OPTIONS'].join(', ')
}

function notAllowed(resource: RestResource): Answer {
  return { status: 405, headers: { Allow: allowedMethods(resource) } }
}

function isCsrfTokenOk(exchange: Exchange): boolean {
  const agent = exchange.header('user-agent') ?? ''
  const changes = exchange.method === 'PUT' || exchange.method === 'POST' || exchange.method === 'DELETE'
  if (!changes || isGuest(exchange.user) || !BROWSER.test(agent)) return true
  if (agent.includes('JAVA') || agent.includes('XNATDesktopClient')) return true
  return exchange.query.plain('XNAT_CSRF') === exchange.session?.csrfToken
}
