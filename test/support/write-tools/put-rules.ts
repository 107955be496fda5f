import { filesOf } from '../file-tree.js'
import type { Changes } from '../change-requests.js'
import type { Truth } from './tool-bench.js'
import type { ToolRow } from './tool-row.js'

export type WriteMode = 'close' | 'back'

/** One in two hundred of the names that rsync, sed and zip make up reads like a word, such as `.bashrc.backup`, and is taken for one. */
const wordLikeTemporary = /\/(?:\.[^/]+\.|sed|zi|XX)[a-z]{6}$/

/**
 * What the requests of a command break of what is promised of them, in words.
 *
 * Mode `close`: a PUT for each close() that changed bytes, which of most tools is one for each file that they leave; none
 * while a new file is empty, none for a temporary name. Mode `back`: exactly one PUT for each file that is new or changed
 * in the end, and none for others.
 * @param changes by path, under `R/` and `S/`
 */
export function brokenRules(
  row: ToolRow,
  mode: WriteMode,
  truth: Truth,
  changes: Readonly<Record<string, Changes>>,
): string[] {
  const [before, after] = [filesOf(truth.before), filesOf(truth.after)]
  const broken: string[] = []
  for (const file of new Set([...Object.keys(changes), ...Object.keys(after)])) {
    const { PUT, POST, DELETE } = changes[file] ?? { PUT: 0, POST: 0, DELETE: 0 }
    const exception = row.stores?.find((stores) => stores.file.test(file))
    const isNewOrChanged = after[file] !== undefined && after[file] !== before[file]
    const rule = isNewOrChanged ? 1 : 0
    const most = (mode === 'close' ? exception?.most : exception?.mostInBack) ?? rule
    if (after[file] === undefined && wordLikeTemporary.test(file)) continue
    if (PUT + POST < rule || PUT + POST > most) {
      broken.push(`${file}: ${PUT + POST} uploads, not ${rule === most ? rule : `${rule} to ${most}`}`)
    }
    const stays = before[file] !== undefined && after[file] !== undefined
    if (DELETE > 0 && stays && !row.removes?.includes(file)) broken.push(`${file}: deleted on its way`)
    if (DELETE > 0 && before[file] === undefined && PUT + POST === 0) {
      broken.push(`${file}: deleted, though it never was on the server`)
    }
  }
  return broken
}
