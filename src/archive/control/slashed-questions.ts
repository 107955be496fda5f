import { inForm } from '../../xnat/answer-documents.js'
import type { AnswerFormat } from '../../xnat/answer-documents.js'
import type { Document } from '../../xnat/documents.js'
import { eventDocument } from '../../xnat/event-documents.js'
import { dicomDumpOf } from '../../xnat/site-documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { controlName } from '../layout.js'
import { isAnswerFormat, listQuestion, parametersOf, valuesOf, without } from '../parameters.js'
import type { Parameter } from '../parameters.js'
import { parseQuery } from '../query.js'
import type { Sources } from '../sources.js'
import { isListOf } from './answers.js'
import { answerEntry, controlDirectoryEntry, within } from './control-entries.js'
import { owners } from './control-place.js'
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

/** A field by its path, as a column or a filter of a list: as far as a slash. */
const column = /^(columns=([^&]*,)?)?\w+(:|%3A)\w+$/i

/** Of any list, as text. */
function listsOf(list: string): SlashedQuestion {
  return {
    at: 'item',
    of: owners.filter((owner) => isListOf(owner, list)),
    goesOn: (last) => column.test(last),
    answer: (_, question) => listQuestion(question) && `${controlName}/${list}?${inOneName(question)}`,
  }
}

function inOneName(question: string): string {
  return question.replaceAll('/', '%2F')
}

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
      const asked = formOf(parameters)
      if (!isKnown || sources.length !== 1 || !dump.test(sources[0]!) || !asked) return undefined
      return dicomDumpOf(without(parameters, 'format'), asked.form)
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
      const { form } = formOf(parameters) ?? { form: 'csv' }
      if (!isWhole || (form !== undefined && form !== 'xml')) return undefined
      return inForm(eventDocument(fields), form)
    },
  },
  experiments: {
    ...listsOf('experiments'),
    goesOn: (last) => date.test(last) || column.test(last),
    answer: (parameters, question) =>
      parseQuery('experiments', question)
        ? `experiments/${inOneName(question)}`
        : listsOf('experiments').answer(parameters, question),
  },
}

/** Whether this is such a question, or the beginning of one. Asks nobody. */
export function isSlashed(of: string, name: string): boolean {
  const found = parsed(name)
  if (!found) return false
  const { rule, question, parameters } = found
  if (rule.at !== 'item' || !(rule.of as readonly string[]).includes(of)) return false
  return goesOn(rule, question) || typeof rule.answer(parameters, question) === 'object'
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
  if (typeof answer === 'string') {
    // In one name it is no other one.
    if (before === undefined) return undefined
    return aliasEntry(name, `${'../'.repeat(1 + before.split('/').length)}${answer}`)
  }
  const ask = async (): Promise<Entry[]> => [await answerEntry(directory, name, answer, sources)]
  const [entry] = await sources.orNone(['not-found'], ask)
  return entry
}

function parsed(
  text: string,
): { rule: SlashedQuestion; question: string; parameters: Parameter[] } | undefined {
  const [, name, rest] = /^(\w+)\?(.+)$/s.exec(text) ?? []
  if (name === undefined) return undefined
  // A question mark that ends the path, as behind other directories, ends it as `&` does.
  const question = rest!.replaceAll('?', '&')
  const rule = Object.hasOwn(questions, name) ? questions[name]! : listsOf(name)
  const parameters = parametersOf(question)
  return parameters && { rule, question, parameters }
}

/** A slash that is written `%2F` is one within a name. */
function goesOn({ goesOn: mayGoOn }: SlashedQuestion, question: string): boolean {
  const last = question.slice(question.lastIndexOf('&') + 1)
  return !/%2F/i.test(last) && mayGoOn(last)
}

/** The server's own choice where none is asked for. */
function formOf(parameters: readonly Parameter[]): { form: AnswerFormat | undefined } | undefined {
  const [form, ...more] = valuesOf(parameters, 'format')
  return more.length === 0 && isAnswerFormat(form) ? { form } : undefined
}
