import type { Experiment, Labelled, Reconstruction, Scan } from '../xnat/client.js'
import type { Entry } from './archive.js'
import { directoryEntry } from './entries.js'
import type { Child, ItemPlace } from './layout.js'

/** A project, subject, experiment, scan … as its directory lists it. */
export function itemChild(
  id: string,
  item: Pick<Labelled, 'id' | 'label'>,
  mtimeMs: number,
  place: ItemPlace,
): Child {
  return {
    label: item.label,
    id: item.id,
    aliases: [item.label, item.id],
    entry: (name): Entry => directoryEntry(name, id, mtimeMs, place),
  }
}

export function subjectChild(parent: ItemPlace, subject: Labelled): Child {
  const { id, modifiedMs = 0 } = subject
  const item = { ...parent.item, subject: id }
  return itemChild(`subject:${id}`, subject, modifiedMs, { level: 'subject', item, ...viewOf(parent) })
}

export function experimentChild(parent: ItemPlace, experiment: Experiment): Child {
  const { id, xsiType, modifiedMs = 0 } = experiment
  const place: ItemPlace = {
    level: 'experiment',
    item: { ...parent.item, experiment: id },
    xsiType,
    ...viewOf(parent),
  }
  return itemChild(`experiment:${id}`, experiment, modifiedMs, place)
}

export function scanChild(parent: ItemPlace, scan: Scan): Child {
  const { id, modifiedMs = 0 } = scan
  const item = { ...parent.item, scan: id }
  return itemChild(`scan:${id}`, { id, label: id }, modifiedMs, { level: 'scan', item, ...viewOf(parent) })
}

export function reconstructionChild(parent: ItemPlace, { id }: Reconstruction, mtimeMs: number): Child {
  const item = { ...parent.item, reconstruction: id }
  const level = derivedLevel(parent, 'reconstruction')
  return itemChild(`reconstruction:${id}`, { id, label: id }, mtimeMs, { level, item, ...viewOf(parent) })
}

export function assessorChild(parent: ItemPlace, assessor: Experiment): Child {
  const { id, xsiType, modifiedMs = 0 } = assessor
  const item = { ...parent.item, assessor: id }
  const level = derivedLevel(parent, 'assessor')
  return itemChild(`assessor:${id}`, assessor, modifiedMs, { level, item, xsiType, ...viewOf(parent) })
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
