import { EMPTY_OK, StatusError, outputAnswer, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { Query } from '../http/query.js'
import { escapeXml11 } from '../http/text.js'
import type { Services } from '../services.js'
import { writeJson } from './json.js'
import type { RestContext, RestResource } from './resource.js'

const STATUSES = ['PROCESSING', 'WARNING', 'FAILED', 'COMPLETED'] as const

export interface StatusMessage {
  readonly status: (typeof STATUSES)[number]
  readonly message: string
  readonly isTerminal: boolean
}

/** By the name that whoever began it gave it; forgotten when the server ends. */
const logs = new WeakMap<Services, Map<string, StatusMessage[]>>()

export function statusLog(services: Services, transaction: string): StatusMessage[] {
  let known = logs.get(services)
  if (!known) logs.set(services, (known = new Map()))
  let messages = known.get(transaction)
  if (!messages) known.set(transaction, (messages = []))
  return messages
}

/** `/status/{TRANSACTION}`: how far something has come. Of what nobody has begun there is an empty log, and no 404. */
export function transactionStatus(context: RestContext): RestResource {
  const transaction = context.variable('TRANSACTION_ID')!
  const { services } = context
  return {
    variants: [MEDIA.plain, MEDIA.html],
    get: (mediaType) => logAnswer(transaction, statusLog(services, transaction), mediaType),
    post: async () => {
      const form = new Query(await context.exchange.bodyText())
      const status = STATUSES.find((name) => name === form.get('status'))
      if (!status) throw new StatusError(500)
      const message = escapeXml11(form.get('message') ?? '')
      statusLog(services, transaction).push({ status, message, isTerminal: false })
      return EMPTY_OK
    },
    delete: () => {
      statusLog(services, transaction).length = 0
      return EMPTY_OK
    },
  }
}

function logAnswer(transaction: string, messages: readonly StatusMessage[], mediaType: string): Answer {
  if (mediaType === MEDIA.plain) {
    const lines = messages.map(
      ({ status, message, isTerminal }) =>
        `${transaction} ${status}: ${message}${isTerminal ? ' (terminal)' : ''}\n`,
    )
    return stringAnswer(`StatusLog${lines.join('')}`)
  }
  if (mediaType === MEDIA.json) {
    const list = messages.map(({ status, message, isTerminal }) => ({
      status,
      msg: message,
      terminal: isTerminal,
    }))
    return outputAnswer(writeJson({ msgs: [list] }), MEDIA.json)
  }
  const rows = messages.map(
    ({ status, message }) => `<tr><td class='s${status}'>${status}</td><td>${message}</td></tr>\n`,
  )
  return outputAnswer(`<html><body><table>${rows.join('')}</table></body></html>`, MEDIA.xml)
}
