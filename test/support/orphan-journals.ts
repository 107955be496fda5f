import { rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { knownJournals } from '../../src/data/journal-directory.js'

/** As if the processes that work on these journals had been killed: nobody has their numbers now. */
export async function orphanJournals(root: string): Promise<void> {
  for (const { path, owner } of await knownJournals(root)) {
    if (owner !== 'alive') continue
    const parts = basename(path).split('~')
    parts[3] = String(2 ** 22 + 1)
    await rename(path, join(dirname(path), parts.join('~')))
  }
}
