import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.js'
import { Arena } from './arena.js'
import { troubledRun, withFaults } from './fault-run.js'
import { firstSeed } from './first-seed.js'

const stray = '.stray'
/**
 * What a server, or what stands before it, does to uploads (xnat-wire.md §5, §7). A file that loses its end on the server
 * cannot be told from one that somebody else has stored, so the model has no word for it: test/integration/journal.test.ts.
 */
const faults: readonly (readonly [what: string, fault: Fault])[] = [
  ['an error of the server', { kind: 'status', status: 500 }],
  ['an overloaded server', { kind: 'status', status: 503 }],
  ['a session that expires in mid-upload', { kind: 'status', status: 401 }],
  ['a log-in page', { kind: 'login-page' }],
  ['a file too large for a proxy', { kind: 'status', status: 413 }],
  ['a server without room', { kind: 'status', status: 507 }],
  ['an upload that breaks off', { kind: 'cut-upload', afterBytes: 300 }],
  ['an answer that is lost', { kind: 'drop', afterBytes: 0 }],
  ['an answer that lies about its length', { kind: 'length', delta: 7 }],
  ['a 200 without the file', { kind: 'swallow' }],
  ['a 200 of a proxy, of nobody', { kind: 'status', status: 200 }],
  ['duplicates', { kind: 'status', status: 200, html: '{"duplicates":["x"]}' }],
  ['another name', { kind: 'store-as', suffix: stray }],
  ['a catalog that another writer changed', { kind: 'catalog-conflict' }],
]

describe('a server that answers an upload with', () => {
  let arena: Arena
  beforeAll(async () => {
    arena = await Arena.start()
  })
  afterAll(() => arena.stop())

  it.each(faults.map(([what, fault], i) => [what, fault, firstSeed + i] as const))(
    '%s costs no byte that close() has promised (%o, seed %i)',
    async (_, fault, seed) => {
      const always = { method: 'PUT', path: '**/files/**', fault }
      const now = { ...always, skip: 2, times: 3 }
      // Other writers are soon done: a conflict that never ended would be waited for, half a minute per file.
      const isLasting = seed % 3 === 0 && fault.kind !== 'catalog-conflict'
      const writeMode = seed % 2 === 0 ? 'close' : 'back'
      const { problems, results } = await troubledRun(arena, {
        seed,
        tasks: 4,
        writeMode,
        strays: new RegExp(`\\${stray}$`),
        during: withFaults(arena, [isLasting ? always : now]),
      })
      expect(problems).toEqual([])
      expect(results.length).toBeGreaterThan(4)
    },
  )
})
