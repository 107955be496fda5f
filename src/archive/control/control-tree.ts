import {
  allUsersDocument,
  elementsDocument,
  savedSearchDocument,
  searchResultDocument,
  userDocument,
} from '../../xnat/documents.js'
import type { Document } from '../../xnat/documents.js'
import { XnatError } from '../../xnat/xnat-error.js'
import type { XnatErrorCode } from '../../xnat/xnat-error.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { DirectoryListing, isTree, placeOf } from '../layout.js'
import type { ItemPlace } from '../layout.js'
import { escapeName, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import {
  controlDirectoryEntry,
  documentEntry,
  emptyEntry,
  localEntry,
  textEntry,
  unreadEntry,
  within,
} from './control-entries.js'
import type { ControlKind, ControlOwner, ControlPlace } from './control-place.js'
import { answerEntry } from './answers.js'
import { belowRules, directoryBelow } from './below-documents.js'
import { controlQuestion } from './control-questions.js'
import { itemDirectories, itemDocuments } from './item-documents.js'
import type { Directories, Documents } from './item-documents.js'
import type { ControlRule } from './control-rule.js'
import { dicomDirEntry, dicomDirName } from './dicom-dir.js'
import { listedRules, named, namedText } from './listed-documents.js'
import { askedRules, cachedTable, dataType, segment } from './named-documents.js'
import { prearchiveRules } from './prearchive.js'
import { serviceRules } from './service-orders.js'
import { settingAnswers, settingAnswersEntry, settingsRules } from './settings.js'
import { slashedEntry } from './slashed-questions.js'
import { userCacheRules } from './user-cache.js'

const always = {
  documents: (): Documents => ({}),
  directories: (): Directories => ({}),
  list: (): Promise<Entry[]> => Promise.resolve([]),
}

/** XNAT's own, there without anybody in them. */
const roles = ['Owners', 'Members', 'Collaborators']

const rules: Readonly<Record<ControlKind, ControlRule>> = {
  item: {
    documents: (place) => itemDocuments[place.of](place),
    directories: ({ of }) => itemDirectories[of] ?? {},
    find: async (directory, place, name, sources) => {
      if (place.of === 'scan' && name === dicomDirName) return dicomDirEntry(directory, place, sources)
      const hasSettings = Object.hasOwn(itemDirectories[place.of] ?? {}, 'config')
      if (hasSettings && name === settingAnswers) return settingAnswersEntry(directory, place)
      return answerEntry(directory, place, name)
    },
  },
  roles: {
    list: async (directory, place, sources) => {
      const members = await sources.members(place.item.project!)
      const names = new Set([...roles, ...members.map(({ role }) => role)])
      return [...names].map((role) =>
        controlDirectoryEntry(directory, escapeName(role), within(place, 'role', role)),
      )
    },
    find: async (directory, place, name, sources) => {
      const [, isHidden, ending] = /^(true|false)(\.csv)?$/.exec(name) ?? []
      if (isHidden === undefined) {
        const entries = await rules.roles.list!(directory, place, sources)
        return entries.find((entry) => entry.name === name)
      }
      if (ending === undefined) return aliasEntry(name, `${name}?`)
      const document = allUsersDocument(place.item.project!, isHidden === 'true')
      return textEntry(directory, name, document, await sources.text(document))
    },
  },
  role: {
    list: async (directory, { item, subject }, sources) => {
      const members = await sources.members(item.project!)
      const logins = members.filter(({ role }) => role === subject).map(({ login }) => login)
      return [...new Set(logins)].map((login) =>
        emptyEntry(directory, escapeName(login), `member ${item.project!} ${subject!} ${login}`),
      )
    },
  },
  shares: {
    list: async (directory, place, sources) =>
      (await sources.projectsOf(place.item)).map(({ id, label }) =>
        controlDirectoryEntry(directory, escapeName(id), within(place, 'share', id), {
          id,
          ...(label !== '' && { label }),
        }),
      ),
  },
  share: {},
  ...prearchiveRules,
  search: {
    documents: () => ({ 'elements.csv': elementsDocument() }),
    directories: () => ({
      saved: 'saved',
      run: 'run',
      fields: 'fields',
      versions: 'versions',
      cached: 'cached-searches',
    }),
    // REST has the lists of fields below the list of elements.
    find: async (_, __, name) => {
      if (name === 'elements') return aliasEntry(name, 'fields')
      return cachedTable.test(name) ? aliasEntry(name, `cached/${name}`) : undefined
    },
  },
  saved: {
    list: async (directory, _, sources) => {
      const ids = await sources.savedSearches()
      return ids.flatMap((id) =>
        Object.entries(savedDocuments(id)).map(([name, document]) =>
          unreadEntry(directory, escapeName(name), document),
        ),
      )
    },
    find: async (directory, _, name, sources) => {
      for (const id of await sources.savedSearches()) {
        const document = savedDocuments(id)[unescapeName(name)]
        if (document) return documentEntry(directory, name, document, sources)
        if (id === unescapeName(name)) return directoryBelow(directory, name, 'saved-search')
      }
      return undefined
    },
  },
  run: {
    list: (directory, _, { runs }) => {
      const entries = runs.names.flatMap((name) => {
        const { search, table } = runs.get(name)!
        return [
          localEntry(directory, `${name}.xml`, search, false),
          localEntry(directory, `${name}.csv`, table, true),
        ]
      })
      return Promise.resolve(entries)
    },
  },
  users: {
    list: async (directory, _, sources) => {
      const logins = await sources.logins()
      const [first] = logins
      if (first === undefined) return []
      // Site administrators are told of everybody, and all others of nobody.
      return sources.orNone(['forbidden'], async () => {
        await sources.text(userDocument(first)).catch(rethrowForbidden)
        return logins.map((login) => unreadEntry(directory, escapeName(`${login}.xml`), userDocument(login)))
      })
    },
    find: async (directory, _, name, sources) => beside[name] ?? accountEntry(directory, name, sources),
  },
  audit: { find: async (directory, place, name) => ofType(directory, place, name, 'audited') },
  favorites: { find: async (directory, place, name) => ofType(directory, place, name, 'favorite') },
  favorite: {
    list: async (directory, { subject }, sources) =>
      (await sources.favorites(subject!)).map((id) =>
        emptyEntry(directory, escapeName(id), `favorite ${subject!} ${id}`),
      ),
  },
  'service-workflows': {
    find: async (_, __, name) => (name === 'workflowid' ? aliasEntry(name, '../../workflows') : undefined),
  },
  ...askedRules,
  fields: {
    find: async (directory, place, name, sources) =>
      dataType.test(unescapeName(name))
        ? directoryBelow(directory, name, 'element')
        : askedRules.fields.find!(directory, place, name, sources),
  },
  ...belowRules,
  question: { find: slashedEntry },
  'cached-searches': {
    // As a path of REST has columns below a table, the table itself has its name with the ending only.
    find: async (directory, place, name, sources) =>
      cachedTable.test(name)
        ? controlDirectoryEntry(directory, name, within(place, 'cached-search', name))
        : askedRules['cached-searches'].find!(directory, place, name, sources),
  },
  ...listedRules,
  pipelines: {
    ...listedRules.pipelines,
    find: async (directory, place, name, sources) => {
      const entry = await listedRules.pipelines.find!(directory, place, name, sources)
      return entry?.kind === 'symlink' ? directoryBelow(directory, name, 'pipeline') : entry
    },
  },
  ...settingsRules,
  ...userCacheRules,
  ...serviceRules,
}

/** What REST has below `user` and `users` beside the accounts. */
const beside: Readonly<Record<string, Entry>> = {
  cache: aliasEntry('cache', '../cache'),
  favorites: aliasEntry('favorites', '../favorites'),
}

/** The document of somebody who has an account, or the directory of what else is told of them. */
async function accountEntry(
  directory: DirectoryEntry,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  try {
    const accounts = named(await sources.logins(), userDocument)
    const entry = await namedText(directory, name, { ending: '.xml', documents: accounts }, sources)
    return entry?.kind === 'symlink' ? directoryBelow(directory, name, 'user') : entry
  } catch (error) {
    // Who may not have the list is told of their own sessions all the same.
    const isRefused = error instanceof XnatError && error.code === 'forbidden'
    if (!isRefused || name.endsWith('.xml') || !segment.test(unescapeName(name))) throw error
    return directoryBelow(directory, name, 'user')
  }
}

/** A directory of what is told of the items of a data type. */
function ofType(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  kind: ControlKind,
): DirectoryEntry | undefined {
  const type = unescapeName(name)
  return dataType.test(type) ? controlDirectoryEntry(directory, name, within(place, kind, type)) : undefined
}

function rethrowForbidden(error: unknown): void {
  if (error instanceof XnatError && error.code === 'forbidden') throw error
}

function savedDocuments(id: string): Documents {
  return { [`${id}.xml`]: savedSearchDocument(id), [`${id}.csv`]: searchResultDocument(id) }
}

/** The `.xnat` of a directory, if its level has one. */
export function controlDirectory(directory: DirectoryEntry, name: string): DirectoryEntry | undefined {
  const place = placeOf(directory)
  if (!Object.hasOwn(itemDocuments, place.level)) return undefined
  const of = place.level as ControlOwner
  if (isTree(place)) {
    const { resource, ...item } = place.parts[0]!.address
    return controlDirectoryEntry(directory, name, { ...controlOf(of, place.isView), item, resource })
  }
  const { item, isView } = place as ItemPlace
  return controlDirectoryEntry(directory, name, { ...controlOf(of, isView), item })
}

function controlOf(of: ControlOwner, isView = false): Omit<ControlPlace, 'item'> {
  return { level: 'control', kind: 'item', of, ...(isView && { isView }) }
}

export async function listControl(
  directory: DirectoryEntry,
  place: ControlPlace,
  sources: Sources,
): Promise<DirectoryListing> {
  const { documents, directories, list } = { ...always, ...rules[place.kind] }
  const files = Object.entries(documents(place)).map(([name, document]) =>
    textIfAny(directory, name, document, sources),
  )
  const fixed = Object.entries(directories(place)).map(([name, kind]) =>
    controlDirectoryEntry(directory, name, within(place, kind)),
  )
  const listed = await Promise.all([...files, list(directory, place, sources)])
  return new DirectoryListing('control', [], [...fixed, ...listed.flat()])
}

/** One entry, without a question about the others where that can be. */
export async function controlEntry(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const slashed = name.includes('?') ? await slashedEntry(directory, place, name, sources) : undefined
  if (slashed) return slashed
  const find = (other: string): Promise<Entry | undefined> => ownEntry(directory, place, other, sources)
  const found = await find(name)
  if (found || place.kind === 'question') return found
  const documents = rules[place.kind].documents?.(place) ?? {}
  return controlQuestion(directory, place, name, documents, find)
}

async function ownEntry(
  directory: DirectoryEntry,
  place: ControlPlace,
  name: string,
  sources: Sources,
): Promise<Entry | undefined> {
  const { documents, directories, list, find } = { ...always, ...rules[place.kind] }
  const document = ownValue(documents(place), name)
  if (document) return documentEntry(directory, name, document, sources)
  const kind = ownValue(directories(place), name)
  if (kind) return controlDirectoryEntry(directory, name, within(place, kind))
  if (find) return find(directory, place, name, sources)
  return (await list(directory, place, sources)).find((entry) => entry.name === name)
}

/** What this user may not see, the server has not, or no URL names, is not listed; who asks for it by name is told why. */
const unseen: readonly XnatErrorCode[] = ['forbidden', 'not-found', 'unnameable']

function textIfAny(
  directory: DirectoryEntry,
  name: string,
  document: Document,
  sources: Sources,
): Promise<Entry[]> {
  if (document.isCostly) return documentEntry(directory, name, document, sources).then((entry) => [entry])
  const codes = document.isOptional ? [...unseen, 'bad-response' as const] : unseen
  return sources.orNone(codes, async () => [
    textEntry(directory, name, document, await sources.text(document)),
  ])
}

function ownValue<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}
