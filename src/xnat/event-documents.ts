import { itemPath, rawSegment } from './address.js'
import type { ItemAddress } from './address.js'
import { json, rootOf, table, withoutReferences } from './documents.js'
import type { Document } from './documents.js'

/** What the server has done, and is doing: documents of xnat-wire.md §11.1. */

/** The events of an experiment and of what assesses it. Made of all of them for each question. */
export function historyDocument(item: ItemAddress): Document {
  return { ...json(`${itemPath(item)}/history`, 'events'), isCostly: true }
}

/** An event by its number. Its status is what those who run something change. */
export function workflowDocument(key: string): Document {
  const path = `/data/workflows/${rawSegment(key)}`
  return {
    ...workflow(`${path}?format=xml`),
    change: {
      refusal: (text) => (isWorkflow(text) ? undefined : 'it is no XML document of a workflow'),
      request: (xml) => ({ path, xml }),
    },
  }
}

/** The latest event of an experiment that has this in its name, or the one of a time. */
export function itemWorkflowDocument(
  { experiment }: ItemAddress,
  pipeline: string,
  launchTime?: string,
): Document {
  if (launchTime === undefined) {
    // A pattern of SQL to XNAT, which decodes nothing of it: there `_` is any one character.
    const pattern = pipeline.replace(/[^\w.~:@-]/gu, '_')
    const question = `experiment=${encodeURIComponent(experiment!)}&format=xml`
    return workflow(`/data/services/workflows/${pattern}?${question}`, pipeline)
  }
  return eventDocument({ id: experiment!, pipeline_name: pipeline, launch_time: launchTime })
}

/** The event of an item, a pipeline and a time. */
export function eventDocument(fields: Readonly<Record<string, string>>): Document {
  const question = Object.entries(fields).map(
    ([field, value]) => `wrk:workflowData/${field}=${encodeURIComponent(value)}`,
  )
  return workflow(`/data/workflows?${question.join('&')}&format=xml`, fields['pipeline_name'])
}

/** @param pipeline what has to be in its name */
function workflow(path: string, pipeline = ''): Document {
  const name = (text: string): string => / pipeline_name="([^"]*)"/.exec(text)?.[1] ?? ''
  // A blank is asked for as `_`, by URIs that are pasted too.
  const spelt = new RegExp(
    pipeline.replace(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`).replaceAll('_', '[^a-z0-9.~:@-]'),
    'i',
  )
  const isIt = (text: string): boolean => isWorkflow(text) && spelt.test(withoutReferences(name(text)))
  return { path, problem: (text) => (isIt(text) ? undefined : `no workflow '${pipeline}' came`) }
}

function isWorkflow(text: string): boolean {
  return rootOf(text)?.name === 'Workflow'
}

/** How far something has come that somebody began under this name. XNAT knows of each name, and of most nothing. */
export function statusLogDocument(transaction: string): Document {
  return {
    path: `/data/status/${rawSegment(transaction)}`,
    isValue: true,
    problem: (text) => (text.startsWith('StatusLog') ? undefined : 'no log came'),
  }
}

/** What a search has found that was run to be kept, as web pages do; its columns are those that it asks for. */
export function cachedSearchDocument(id: string): Document {
  return {
    path: `/data/search/${rawSegment(id)}?format=csv`,
    problem: (text) => (/^\s*[<{]/.test(text) ? 'no table came' : undefined),
  }
}

/** The values of one of its columns, and how often there is each. */
export function cachedColumnDocument(id: string, column: string): Document {
  return table(`/data/search/${rawSegment(id)}/${rawSegment(column)}`, 'values')
}

/** Which fields tables of a data type show. What XNAT sends is not quite XML (xnat-wire.md §11.1). */
export function versionsDocument(xsiType: string): Document {
  return {
    path: `/data/search/elements/${rawSegment(xsiType)}/versions`,
    problem: (text) =>
      text.startsWith(`<DisplayVersions element_name="${xsiType}"`) ? undefined : 'no versions came',
  }
}
