import { settingsPath } from '../../xnat/settings-documents.js'
import { isCacheKey, isControlKey, toolsKey } from '../sources.js'
import type { ControlPlace } from './control-place.js'

/** Which listings an order may have made untrue, by their keys. Where that is not known, all of them. */
export type ChangedKeys = (key: string) => boolean

const anything: ChangedKeys = () => true
const nothing: ChangedKeys = () => false
/** What no order of the server to itself changes. */
const others = /^(?:settings|tools|favorites|logins|members|groups|saved-searches|pipelines)\b/
const prearchive = /^(?:prearchive|text \/data\/prearchive)/
const ofResources = /^(?:files|resources|all-resources|text)\b/

/** By the names of services, as `prearchive/move`. */
export const changedByService = {
  /** Sessions that wait: there, gone, or another. */
  prearchive: ((key) => prearchive.test(key)) as ChangedKeys,
  /** Anything in the archive, and what waits or lies in the folders of the user on its way there. */
  archive: ((key) => !others.test(key)) as ChangedKeys,
  /** Which resources there are, what is in them, and what documents say of them. */
  resources: ((key) => ofResources.test(key)) as ChangedKeys,
  /** The same, of files of the user. */
  moved: ((key) => ofResources.test(key) || isCacheKey(key)) as ChangedKeys,
  nothing,
  anything,
} satisfies Record<string, ChangedKeys>

/** By what is written into a file of this name, or by its being made or removed, in `.xnat`. */
export function changedAt({ kind, item, subject }: ControlPlace, name: string): ChangedKeys {
  switch (kind) {
    case 'run':
      return nothing
    case 'favorite':
      return (key) => key === `favorites ${subject!}`
    case 'saved':
      return (key) => key === 'saved-searches' || key.startsWith('text /data/search/saved/')
    case 'config-tool': {
      const texts = `text ${settingsPath(item.project)}`
      return (key) => key === toolsKey(item.project) || key.startsWith(texts)
    }
    default:
      // The document of an item changes what listings say of it.
      return kind === 'item' && name.endsWith('.xml') ? anything : isControlKey
  }
}
