import { cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { treeIn } from '../file-tree.js'
import type { FileTree } from '../file-tree.js'
import { run, shell } from '../processes.js'
import type { Outcome } from '../processes.js'
import type { ToolRow } from './tool-row.js'

export interface Truth {
  readonly outcome: Outcome
  /** What was there before and afterwards, under `R/` and `S/`. */
  readonly before: FileTree
  readonly after: FileTree
}

/** Runs the commands of the table, each once in a local folder: what it leaves there is the truth. */
export class ToolBench {
  readonly inputs: string
  readonly #folder: string
  readonly #truths = new Map<ToolRow, Promise<Truth>>()

  constructor(folder: string) {
    this.#folder = folder
    this.inputs = join(folder, 'in')
  }

  /** The folder that has the files of before, in the sub-folders R and S. */
  async given(row: ToolRow): Promise<string> {
    const folder = join(this.#folder, slug(row), 'before')
    await mkdir(join(folder, 'R'), { recursive: true })
    await mkdir(join(folder, 'S'))
    await shell(row.given ?? ':', { cwd: folder, env: { IN: this.inputs } })
    return folder
  }

  truth(row: ToolRow): Promise<Truth> {
    const known = this.#truths.get(row) ?? this.#findTruth(row)
    this.#truths.set(row, known)
    return known
  }

  run(row: ToolRow, resource: string, otherResource: string): Promise<Outcome> {
    const env = { IN: this.inputs, S: otherResource, LC_ALL: 'C.UTF-8', TZ: 'UTC' }
    const parameters = ['-o', 'pipefail', '-c', row.run]
    return run('bash', parameters, { cwd: resource, env, timeoutMs: 30_000 })
  }

  async #findTruth(row: ToolRow): Promise<Truth> {
    const folder = join(this.#folder, slug(row))
    const [before, after] = [join(folder, 'before'), join(folder, 'after')]
    await cp(before, after, { recursive: true })
    const outcome = await this.run(row, join(after, 'R'), join(after, 'S'))
    if ((await readdir(after)).length !== 2) throw new Error(`'${row.name}' leaves its two folders`)
    return { outcome, before: await treeIn(before), after: await treeIn(after) }
  }
}

/** A name that a folder and a resource can have. */
export function slug(row: ToolRow): string {
  return row.name.replace(/[^A-Za-z0-9]+/g, '_')
}
