import type { Experiment, Labelled, Reconstruction, Scan } from '../xnat/client.js'
import type { Entry, Facts } from './archive.js'
import { directoryEntry } from './entries.js'
import type { Child, ItemPlace } from './layout.js'

/** A project, subject, experiment, scan … as its directory lists it. */
export function itemChild(
  id: string,
  item: Pick<Labelled, 'id' | 'label'>,
  mtimeMs: number,
  place: ItemPlace,
  facts?: Facts,
): Child {
  return {
    label: item.label,
    id: item.id,
    aliases: [item.label, item.id],
    entry: (name): Entry => directoryEntry(name, id, mtimeMs, place, facts),
  }
}

export function subjectChild(parent: ItemPlace, subject: Labelled): Child {
  const { id, modifiedMs = 0 } = subject
  const item = { ...parent.item, subject: id }
  return itemChild(
    `subject:${id}`,
    subject,
    modifiedMs,
    { level: 'subject', item, ...viewOf(parent) },
    { label: subject.label },
  )
}

export function experimentChild(parent: ItemPlace, experiment: Experiment): Child {
  const { id, xsiType, modifiedMs = 0 } = experiment
  const place: ItemPlace = {
    level: 'experiment',
    item: { ...parent.item, experiment: id },
    xsiType,
    ...viewOf(parent),
  }
  return itemChild(`experiment:${id}`, experiment, modifiedMs, place, experimentFacts(experiment))
}

export function scanChild(parent: ItemPlace, scan: Scan): Child {
  const { id, type, modifiedMs = 0, details } = scan
  const item = { ...parent.item, scan: id }
  const place: ItemPlace = { level: 'scan', item, ...viewOf(parent) }
  return itemChild(`scan:${id}`, { id, label: id }, modifiedMs, place, { ...details, type })
}

export function reconstructionChild(parent: ItemPlace, { id, type }: Reconstruction, mtimeMs: number): Child {
  const item = { ...parent.item, reconstruction: id }
  const level = derivedLevel(parent, 'reconstruction')
  const place: ItemPlace = { level, item, ...viewOf(parent) }
  return itemChild(`reconstruction:${id}`, { id, label: id }, mtimeMs, place, { type })
}

export function assessorChild(parent: ItemPlace, assessor: Experiment): Child {
  const { id, xsiType, modifiedMs = 0 } = assessor
  const item = { ...parent.item, assessor: id }
  const level = derivedLevel(parent, 'assessor')
  const place: ItemPlace = { level, item, xsiType, ...viewOf(parent) }
  return itemChild(`assessor:${id}`, assessor, modifiedMs, place, experimentFacts(assessor))
}

function experimentFacts({ label, xsiType, details }: Experiment): Facts {
  return { ...details, label, xsiType }
}

/** In the view of one side of several items, an item is that side of it. */
function derivedLevel(
  parent: ItemPlace,
  level: 'reconstruction' | 'assessor',
): 'side' | 'reconstruction' | 'assessor' {
  return parent.item.side === undefined ? level : 'side'
}

function viewOf(parent: ItemPlace): Pick<ItemPlace, 'isView'> {
  return parent.isView ? { isView: true } : {}
}
