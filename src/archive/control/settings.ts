import type { Document } from '../../xnat/documents.js'
import { settingAnswerDocument } from '../../xnat/list-documents.js'
import { settingDocument } from '../../xnat/settings-documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { controlName, placeOf } from '../layout.js'
import { escapeName, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import { askedEntry, controlDirectoryEntry, textEntry, unreadEntry, within } from './control-entries.js'
import type { ControlPlace, SettingsKind } from './control-place.js'
import type { ControlRule } from './control-rule.js'

/** What tools keep for the site or a project, by the name of the tool and a path: REST's `config`. */
export const settingsRules: Readonly<Record<SettingsKind, ControlRule>> = {
  config: {
    list: async (directory, { item }, sources) =>
      (await sources.tools(item.project)).map((tool) => toolEntry(directory, tool)),
    // Those that keep nothing yet too, so that there is a place for the first thing.
    find: async (directory, _, name) => {
      const tool = unescapeName(name)
      return settingName.test(tool) && !tool.includes('/') ? toolEntry(directory, tool) : undefined
    },
  },
  'config-tool': {
    list: async (directory, place, sources) => {
      const { folders, files } = await below(place, sources)
      return [
        ...folders.map((name) => folderEntry(directory, name)),
        ...files.map((name) =>
          place.isAnswers
            ? askedEntry(directory, escapeName(name), answerOf(place, name))
            : unreadEntry(directory, escapeName(name), settingOf(place, name)),
        ),
      ]
    },
    find: async (directory, place, name, sources) => {
      const label = unescapeName(name)
      const { folders, files } = await below(place, sources)
      if (folders.includes(label)) return folderEntry(directory, label)
      if (!files.includes(label)) return specification(place, label, sources)
      if (place.isAnswers) return askedEntry(directory, name, answerOf(place, label))
      const document = settingOf(place, label)
      return textEntry(directory, name, document, await sources.text(document))
    },
  },
}

/** REST has that of a project beside what a tool of its name keeps for the site. */
async function specification(
  { item, subject, folders }: ControlPlace,
  label: string,
  sources: Sources,
): Promise<Entry | undefined> {
  if (label !== 'archive_spec' || item.project !== undefined || folders) return undefined
  const projects = await sources.projects()
  const isProject = projects.some(({ id }) => id === subject)
  return isProject
    ? aliasEntry(label, `../../../${escapeName(subject!)}/${controlName}/archive_spec.xml`)
    : undefined
}

/** What XNAT takes for a part of a URL and keeps as it is; a slash makes folders of it. */
export const settingName = /^[\w@:~-][\w.@:~-]*(?:\/[\w@:~-][\w.@:~-]*)*$/

export function settingOf(place: ControlPlace, name: string): Document {
  return settingDocument(place.item.project, place.subject!, settingPathIn(place, name))
}

function answerOf(place: ControlPlace, name: string): Document {
  return settingAnswerDocument(place.item.project, place.subject!, settingPathIn(place, name))
}

/** Where REST's own path of settings leads to: each is what the server answers to its path there, and not its text alone. */
export const settingAnswers = 'config-answers'

export function settingAnswersEntry(directory: DirectoryEntry, place: ControlPlace): DirectoryEntry {
  return controlDirectoryEntry(directory, settingAnswers, { ...within(place, 'config'), isAnswers: true })
}

/** Under which a tool keeps what has this name in a directory. */
export function settingPathIn({ folders = [] }: ControlPlace, name: string): string {
  return [...folders, name].join('/')
}

function toolEntry(directory: DirectoryEntry, tool: string): Entry {
  const place = placeOf(directory) as ControlPlace
  return controlDirectoryEntry(directory, escapeName(tool), { ...place, kind: 'config-tool', subject: tool })
}

function folderEntry(directory: DirectoryEntry, name: string): Entry {
  const place = placeOf(directory) as ControlPlace
  const { folders = [] } = place
  return controlDirectoryEntry(directory, escapeName(name), { ...place, folders: [...folders, name] })
}

interface Below {
  readonly folders: readonly string[]
  /** Where one has the name of a folder, the folder keeps it. */
  readonly files: readonly string[]
}

async function below({ item, subject, folders = [] }: ControlPlace, sources: Sources): Promise<Below> {
  const top = folders.map((name) => `${name}/`).join('')
  const paths = (await sources.settings(item.project, subject!))
    .filter((path) => path.startsWith(top))
    .map((path) => path.slice(top.length).split('/'))
  const inner = new Set(paths.filter((path) => path.length > 1).map(([name]) => name!))
  const files = paths.filter((path) => path.length === 1 && path[0] !== '').map(([name]) => name!)
  return { folders: [...inner], files: files.filter((name) => !inner.has(name)) }
}
