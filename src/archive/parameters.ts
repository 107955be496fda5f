import type { AnswerFormat } from '../xnat/answer-documents.js'

/** What stands behind the `?` of a URI, as it is meant. */
export type Parameter = readonly [key: string, value: string]

/** Undefined where no URI is spelt so. */
export function parametersOf(question: string): Parameter[] | undefined {
  const parts = question.split('&').filter((part) => part !== '')
  try {
    return parts.map((part): Parameter => {
      const at = part.indexOf('=')
      return [decoded(at < 0 ? part : part.slice(0, at)), at < 0 ? '' : decoded(part.slice(at + 1))]
    })
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

export function valuesOf(parameters: readonly Parameter[], key: string): string[] {
  return parameters.filter(([name]) => name === key).map(([, value]) => value)
}

export function without(parameters: readonly Parameter[], key: string): Parameter[] {
  return parameters.filter(([name]) => name !== key)
}

export interface ListQuestion {
  /** Undefined = that which the server gives to who names none. */
  readonly format: AnswerFormat | undefined
  /** What else is asked of the list. */
  readonly more: readonly Parameter[]
}

/** A question for a list as text: none, or one that names a form or columns. */
export function listQuestion(question: string): ListQuestion | undefined {
  const parameters = parametersOf(question)
  if (!parameters) return undefined
  const more = without(parameters, 'format')
  const [format, ...others] = valuesOf(parameters, 'format')
  const isAsked = more.length === 0 || format !== undefined || valuesOf(more, 'columns').length > 0
  if (!isAsked || others.length > 0 || !isAnswerFormat(format)) return undefined
  return { format, more }
}

export function isAnswerFormat(format: string | undefined): format is AnswerFormat | undefined {
  return format === undefined || /^(json|csv|xml|html)$/.test(format)
}
