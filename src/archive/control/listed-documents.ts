import type { Document } from '../../xnat/documents.js'
import { pipelineDocument } from '../../xnat/documents.js'
import { groupDocument, protocolDocument } from '../../xnat/settings-documents.js'
import type { DirectoryEntry, Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { escapeName, unescapeName } from '../names.js'
import type { Sources } from '../sources.js'
import { textEntry, unreadEntry } from './control-entries.js'
import type { ControlPlace, ListedKind } from './control-place.js'
import type { ControlRule } from './control-rule.js'

/** By their names, without an ending. */
type Named = ReadonlyMap<string, Document>

/** Documents of each of those that the server lists. A listing asks for their names only. */
interface Listed {
  readonly ending: string
  readonly documents: (place: ControlPlace, sources: Sources) => Promise<Named>
}

const listed: Readonly<Record<ListedKind, Listed>> = {
  pipelines: {
    ending: '.json',
    documents: async ({ item }, sources) =>
      named(await sources.pipelines(item.project!), (name) => pipelineDocument(item.project!, name)),
  },
  groups: {
    ending: '.xml',
    documents: async ({ item }, sources) =>
      named(await sources.groups(item.project!), (id) => groupDocument(item.project!, id)),
  },
  protocols: {
    ending: '.xml',
    documents: async ({ item }, sources) => {
      const protocols = await sources.protocols(item.project!)
      return new Map(
        protocols.map((protocol) => [protocol.id, protocolDocument(item.project!, protocol)] as const),
      )
    },
  },
}

export function named(names: readonly string[], of: (name: string) => Document): Named {
  return new Map(names.map((name) => [name, of(name)] as const))
}

export const listedRules = Object.fromEntries(
  Object.entries(listed).map(([kind, { ending, documents }]): [string, ControlRule] => [
    kind,
    {
      list: async (directory, place, sources) =>
        [...(await documents(place, sources))].map(([name, document]) =>
          unreadEntry(directory, escapeName(`${name}${ending}`), document),
        ),
      find: async (directory, place, name, sources) =>
        namedText(directory, name, { ending, documents: await documents(place, sources) }, sources),
    },
  ]),
) as Record<ListedKind, ControlRule>

/** A document of one of those that the server lists, by its name and ending; REST's path of it has none. */
export async function namedText(
  directory: DirectoryEntry,
  name: string,
  { ending, documents }: { readonly ending: string; readonly documents: Named },
  sources: Sources,
): Promise<Entry | undefined> {
  const wanted = unescapeName(name)
  const document = wanted.endsWith(ending)
    ? documents.get(wanted.slice(0, wanted.length - ending.length))
    : undefined
  if (document) return textEntry(directory, name, document, await sources.text(document))
  return documents.has(wanted) ? aliasEntry(name, `${name}?`) : undefined
}
