import { itemPath, rawSegment } from './address.js'
import { isSearch, rootOf, table, withoutReferences } from './documents.js'
import type { Document } from './documents.js'

/** How the site and its projects are set up: documents of xnat-wire.md §11.2. */

/** The groups of a project, those of its roles among them. */
export function groupsDocument(project: string): Document {
  return { ...table(`${itemPath({ project })}/groups`, 'displayname'), isOptional: true }
}

/** What a group may do. */
export function groupDocument(project: string, id: string): Document {
  const isIt = (text: string): boolean => {
    const root = rootOf(text)
    return root !== undefined && /^userGroup$/i.test(root.name) && root.id === id
  }
  return {
    path: `${itemPath({ project })}/groups/${rawSegment(id)}?format=xml`,
    // Of a group that it does not know XNAT tells the list of all.
    problem: (text) => (isIt(text) ? undefined : `the document of '${id}' did not come`),
  }
}

/** Who has asked for access to a project. */
export function accessRequestsDocument(project: string): Document {
  return { ...table(`${itemPath({ project })}/pars`, 'par_id'), isOptional: true }
}

/** What a project keeps of one of its data types. */
export interface Protocol {
  readonly id: string
  readonly dataType: string
}

/** Those of a project, as its own document has them. */
export function protocolsIn(projectXml: string): Protocol[] {
  return [...projectXml.matchAll(/<(?:\w+:)?studyProtocol((?:\s+[\w:-]+="[^"]*")*)/g)].flatMap(
    ([, attributes]) => {
      const value = (name: string): string | undefined =>
        new RegExp(`\\s${name}="([^"]*)"`).exec(attributes!)?.[1]
      const [id, dataType] = [value('ID'), value('data-type')]
      if (id === undefined || dataType === undefined) return []
      return [{ id: withoutReferences(id), dataType: withoutReferences(dataType) }]
    },
  )
}

/** The question makes a protocol where there is none: ask for those of `protocolsIn` only. */
export function protocolDocument(project: string, { id, dataType }: Protocol): Document {
  const question = `dataType=${encodeURIComponent(dataType)}&format=xml`
  return {
    path: `${itemPath({ project })}/protocols/${rawSegment(id)}?${question}`,
    problem: (text) => (rootOf(text)?.id === id ? undefined : `the protocol '${id}' did not come`),
  }
}

/** A search as a project has it: one that is kept, or `@` and a data type for the listing of its items there. */
export function projectSearchDocument(project: string, id: string): Document {
  return {
    path: `${itemPath({ project })}/searches/${rawSegment(id)}?format=xml`,
    problem: (text) => (isSearch(text) ? undefined : 'no stored search came'),
  }
}

/** The tools that keep settings, of a project or of the site. */
export function toolsDocument(project?: string): Document {
  return { ...table(settingsPath(project), 'tool'), isOptional: true }
}

/** What a tool keeps under a path: any text. */
export function settingDocument(project: string | undefined, tool: string, path: string): Document {
  const url = settingPath(project, tool, path)
  return {
    path: `${url}?contents=true`,
    problem: () => undefined,
    change: {
      refusal: (text) =>
        text.trim() === '' ? 'XNAT keeps no empty text; remove the file instead' : undefined,
      request: (text) => ({ path: `${url}?inbody=true`, text }),
    },
  }
}

export function settingsPath(project: string | undefined): string {
  return `${project === undefined ? '/data' : itemPath({ project })}/config`
}

export function settingPath(project: string | undefined, tool: string, path: string): string {
  const segments = [tool, ...path.split('/')].map(rawSegment)
  return `${settingsPath(project)}/${segments.join('/')}`
}
