import type { Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { askedOf, formatOf } from '../questions.js'
import type { Asked } from '../questions.js'
import type { ControlFilePlace, ControlKind, ControlPlace } from './control-place.js'

type Elsewhere = (asked: Asked, format: string | undefined, place: ControlPlace) => string | undefined

/** Documents that do not lie beside the directory that has the same path in REST, or whose question says where. */
const elsewhere: Readonly<Partial<Record<ControlKind, Elsewhere>>> = {
  item: ({ name }, format, { of }) =>
    of === 'root' && name === 'user' && isOf(format, 'json') ? 'logins.json' : undefined,
  services: ({ name, question }) => (name === 'sessions' && question === '' ? '../sessions' : undefined),
  'service-workflows': ({ name, question }) => {
    const experiment = /^experiment=([^&]+)(?:&format=xml)?$/.exec(question)?.[1]
    return experiment && `../../../experiments/${experiment}/.xnat/workflows/${name}.xml`
  },
  pipeline: ({ name }, format) => (name === 'details' && isOf(format, 'json') ? name : undefined),
  element: ({ name }, format) => (name === 'versions' && isOf(format, 'xml') ? name : undefined),
  search: ({ name, question }) => (name.startsWith('_') ? `cached/${name}?${question}` : undefined),
  saved: ({ name }, format) => (isOf(format, 'xml') ? `${name}.xml` : undefined),
  prearchive: ({ name, question }, format) => {
    if (name === 'experiments' && /^recent=true(?:&format=csv)?$/.test(question))
      return '../prearchive-recent.csv'
    if (format === 'json' || format === 'xml') return `../../${name}/.xnat/prearchive?${question}`
    return isOf(format, 'csv') ? `../../${name}/.xnat/prearchive.csv` : undefined
  },
  'config-tool': ({ name, question }, _, { item }) => {
    const isSpecification = name === 'archive_spec' && item.project === undefined && question === 'format=xml'
    return question === '' || question === 'contents=true' || isSpecification ? name : undefined
  },
  protocols: ({ name, question }) =>
    /^dataType=[^&]+(?:&format=xml)?$/.test(question) ? `${name}.xml` : undefined,
  'prearchive-time': ({ name }, format) => (isOf(format, 'xml') ? `${name}/session.xml` : undefined),
}

/** Where every name may be one that somebody is about to give, or what has an ending is something else. */
const ownNames: ReadonlySet<ControlKind> = new Set(['run', 'saved', 'cache', 'cache-folder', 'config-tool'])
const endings = ['csv', 'xml', 'json']

/**
 * What a name with a `?` in it stands for, in `.xnat`.
 * @param find an entry of this name without a question, where there is one
 */
export async function controlQuestion(
  place: ControlPlace,
  name: string,
  find: (name: string) => Promise<Entry | undefined>,
): Promise<Entry | undefined> {
  const asked = askedOf(name)
  if (!asked) return undefined
  const format = formatOf(asked.question)
  const target = elsewhere[place.kind]?.(asked, format, place)
  if (target !== undefined) return aliasEntry(name, target)
  if (format === undefined || ownNames.has(place.kind)) return undefined
  const entry = await find(asked.name)
  if (format === '' && entry && isDocument(entry)) return aliasEntry(name, asked.name)
  for (const ending of format === '' ? endings : [format]) {
    const path = `${asked.name}.${ending}`
    // A directory may have any name.
    const found = await find(path)
    if (found && found.kind !== 'directory') return aliasEntry(name, path)
  }
  return undefined
}

function isOf(format: string | undefined, own: string): boolean {
  return format === '' || format === own
}

function isDocument(entry: Entry): boolean {
  if (entry.kind === 'symlink') return /\.(?:csv|xml|json|zip)$/.test(entry.target ?? '')
  return entry.kind === 'file' && (entry.place as Partial<ControlFilePlace>).document !== undefined
}
