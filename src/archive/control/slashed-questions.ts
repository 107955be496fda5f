import type { AnswerFormat } from '../../xnat/answer-documents.js'
import type { Document } from '../../xnat/documents.js'
import { eventDocument } from '../../xnat/event-documents.js'
import { dicomDumpOf } from '../../xnat/site-documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { parseQuery } from '../query.js'
import type { Sources } from '../sources.js'
import { controlDirectoryEntry, documentEntry, within } from './control-entries.js'
import type { ControlKind, ControlOwner, ControlPlace } from './control-place.js'

/**
 * Questions of REST with slashes in them, as they are pasted: `services/dicomdump?src=/archive/projects/TEST/…`. What stands
 * before a slash is a directory, which asks nobody and lists nothing. What may be whole and may go on is the directory,
 * and the document with a `&` behind it.
 */
interface SlashedQuestion {
  /** Where it is asked. */
  readonly at: ControlKind
  readonly of: readonly ControlOwner[]
  /** Whether a slash may stand behind what is there of the last parameter. */
  readonly goesOn: (last: string) => boolean
  /** What it asks for: a document, or a path from the directory of the item. */
  readonly answer: (parameters: readonly Parameter[], question: string) => Document | string | undefined
}
type Parameter = readonly [key: string, value: string]

/** The URIs that dicomdump takes, `*` for any name (xnat-wire.md §11.3). */
const dumped = [
  'archive/projects/*/experiments/*/scans/*/resources/*/files/*',
  'archive/projects/*/subjects/*/experiments/*/scans/*/resources/*/files/*',
  'prearchive/projects/*/*/*/scans/*/resources/*/files/*',
].map((path) => path.split('/'))
const dump =
  /^\/(archive\/projects\/[^/]+(\/subjects\/[^/]+)?\/experiments\/[^/]+|prearchive\/projects(\/[^/]+){3})(\/scans\/[^/]+(\/resources\/[^/]+\/files\/.+)?)?$/

const day = String.raw`\d{1,2}/\d{1,2}/\d{4}`
/** A date or a range, or several, as far as a slash that is still to come. */
const date = new RegExp(String.raw`^date=(${day}(-${day})?,)*(${day}-)?\d{1,2}(/\d{1,2})?$`)

const events = ['id', 'pipeline_name', 'launch_time']

const questions: Readonly<Record<string, SlashedQuestion>> = {
  dicomdump: {
    at: 'services',
    of: ['root'],
    goesOn: (last) => {
      const [, path] = /^src=(?:\/(.+))?$/.exec(last) ?? []
      if (path === undefined) return last === 'src='
      const names = path.split('/')
      return dumped.some(
        (known) =>
          names.length < known.length && names.every((name, at) => known[at] === '*' || known[at] === name),
      )
    },
    answer: (parameters) => {
      const sources = valuesOf(parameters, 'src')
      const isKnown = parameters.every(([key]) => /^(src|field|summary|format)$/.test(key))
      const format = formatOf(parameters)
      if (!isKnown || sources.length !== 1 || !dump.test(sources[0]!) || !format) return undefined
      return dicomDumpOf(without(parameters, 'format'), format)
    },
  },
  workflows: {
    at: 'item',
    of: ['root'],
    goesOn: (last) => last === 'wrk:workflowData',
    answer: (parameters) => {
      const asked = without(parameters, 'format')
      const fields = Object.fromEntries(
        asked.map(([key, value]) => [key.replace(/^wrk:workflowData\//, ''), value]),
      )
      const isWhole = asked.length === events.length && events.every((name) => fields[name])
      return isWhole && /^(xml)?$/.test(valuesOf(parameters, 'format').join())
        ? eventDocument(fields)
        : undefined
    },
  },
  experiments: {
    at: 'item',
    of: ['root', 'project', 'subject'],
    goesOn: (last) => date.test(last),
    answer: (_, question) =>
      parseQuery('experiments', question) ? `experiments/${question.replaceAll('/', '%2F')}` : undefined,
  },
}

/** Whether this is such a question, or the beginning of one. Asks nobody. */
export function isSlashed(of: string, name: string): boolean {
  const found = parsed(name)
  return found !== undefined && found.rule.at === 'item' && (found.rule.of as string[]).includes(of)
}

/** The directory of what is there of a question, or what it asks for. */
export async function slashedEntry(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const before = place.kind === 'question' ? place.subject! : undefined
  const text = before === undefined ? name : `${before}/${name}`
  const found = parsed(text)
  if (!found) return undefined
  const { rule, question, parameters } = found
  if (before === undefined && (rule.at !== place.kind || !rule.of.includes(place.of))) return undefined
  if (goesOn(rule, question)) return controlDirectoryEntry(directory, name, within(place, 'question', text))
  const answer = rule.answer(parameters, question)
  if (answer === undefined) return undefined
  const up = '../'.repeat(before === undefined ? 1 : 1 + before.split('/').length)
  if (typeof answer === 'string') return aliasEntry(name, `${up}${answer}`)
  const ask = async (): Promise<Entry[]> => [await documentEntry(directory, name, answer, sources)]
  const [entry] = await sources.orNone(['not-found'], ask)
  return entry
}

function parsed(
  text: string,
): { rule: SlashedQuestion; question: string; parameters: Parameter[] } | undefined {
  const [, name, rest] = /^(\w+)\?(.+)$/s.exec(text) ?? []
  if (name === undefined || !Object.hasOwn(questions, name)) return undefined
  // A question mark that ends the path, as behind other directories, ends it as `&` does.
  const question = rest!.replaceAll('?', '&')
  const rule = questions[name]!
  const parameters = parametersOf(question)
  return parameters && (goesOn(rule, question) || rule.answer(parameters, question))
    ? { rule, question, parameters }
    : undefined
}

/** A slash that is written `%2F` is one within a name. */
function goesOn({ goesOn: mayGoOn }: SlashedQuestion, question: string): boolean {
  const last = question.slice(question.lastIndexOf('&') + 1)
  return !/%2F/i.test(last) && mayGoOn(last)
}

/** As URIs spell them; undefined where none is spelt so. */
function parametersOf(question: string): Parameter[] | undefined {
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

function valuesOf(parameters: readonly Parameter[], key: string): string[] {
  return parameters.filter(([name]) => name === key).map(([, value]) => value)
}

function without(parameters: readonly Parameter[], key: string): Parameter[] {
  return parameters.filter(([name]) => name !== key)
}

/** That in which `.xnat` keeps it, where none is asked for. */
function formatOf(parameters: readonly Parameter[]): AnswerFormat | undefined {
  const [format = 'csv', ...more] = valuesOf(parameters, 'format')
  return more.length === 0 && /^(csv|json|xml)$/.test(format) ? (format as AnswerFormat) : undefined
}
