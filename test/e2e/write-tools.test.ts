import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../src/emulator/emulator.js'
import { changesOf, resourceIds } from '../support/change-requests.js'
import { filesOf, storeTree, storedTree, treeIn } from '../support/file-tree.js'
import type { FileTree } from '../support/file-tree.js'
import { Mount } from '../support/mount.js'
import { run } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { RestClient } from '../support/rest-client.js'
import { Server } from '../support/server.js'
import { editorRows } from '../support/write-tools/editor-rows.js'
import { imagingRows } from '../support/write-tools/imaging-rows.js'
import { makeInputs } from '../support/write-tools/inputs.js'
import { brokenRules } from '../support/write-tools/put-rules.js'
import type { WriteMode } from '../support/write-tools/put-rules.js'
import { shellRows } from '../support/write-tools/shell-rows.js'
import { slug, ToolBench } from '../support/write-tools/tool-bench.js'
import type { ToolRow } from '../support/write-tools/tool-row.js'
import { treeRows } from '../support/write-tools/tree-rows.js'

const rows: readonly ToolRow[] = [...editorRows, ...shellRows, ...treeRows, ...imagingRows]
const named = rows.map((row) => [row.name, row] as const)
const resources = '/data/projects/TEST/subjects/1/experiments/MR1/resources'

/** Debian's pyxnat, which knows nothing of this project: what it reads of each resource that it is told. */
const pyxnat = `
import hashlib, json, sys
from pyxnat import Interface
url, user, password, folder, *labels = sys.argv[1:]
session = Interface(server=url, user=user, password=password).select.project('TEST').subject('1').experiment('MR1')
def facts(f):
    data = open(f.get(folder + '/file'), 'rb').read()
    return f'{len(data)} {hashlib.md5(data).hexdigest()}'
print(json.dumps({label: {f.label(): facts(f) for f in session.resource(label).files()} for label in labels}))
`

let local: string
let bench: ToolBench
let server: Server
let client: RestClient

beforeAll(async () => {
  local = await mkdtemp(join(tmpdir(), 'xnatfs-local-'))
  bench = new ToolBench(local)
  server = await Server.start()
  client = await RestClient.logIn(server)
  await makeInputs(server, bench.inputs)
  for (const row of rows) await bench.given(row)
})
afterAll(async () => {
  await server.stop()
  await rm(local, { recursive: true })
})

describe.each<[WriteMode, string[]]>([
  ['close', []],
  ['back', ['--write-mode', 'back']],
])('tools that write, in mode %s,', (mode, flags) => {
  let mount: Mount
  const label = (row: ToolRow, part: 'R' | 'S'): string => `${mode}-${slug(row)}-${part}`
  const folder = (row: ToolRow, part: 'R' | 'S'): string =>
    join(mount.path, 'TEST/1/MR1/resources', label(row, part))
  const both = (inR: FileTree, inS: FileTree): FileTree => ({ ...under('R', inR), ...under('S', inS) })

  beforeAll(async () => {
    for (const row of rows) {
      for (const part of ['R', 'S'] as const) {
        await storeTree(client, join(local, slug(row), 'before', part), `${resources}/${label(row, part)}`)
      }
    }
    await client.put(`${resources}/${mode}-git`)
    await server.resetRequests()
    mount = await Mount.start(server, { flags })
  })
  afterAll(() => mount?.stop([/./]))

  describe('leave in the mount what they leave in a local folder:', () => {
    it.each(named)('%s', async (_, row) => {
      const { outcome, after } = await bench.truth(row)
      expect(outcome.code).toBe(0)
      expect(await bench.run(row, folder(row, 'R'), folder(row, 'S'))).toEqual(outcome)
      const seen = both(await treeIn(folder(row, 'R')), await treeIn(folder(row, 'S')))
      expect({ R: 'folder', S: 'folder', ...seen }).toEqual(after)
    })

    it('but git clone is refused, with a line in the log, and leaves nothing', async () => {
      const cwd = join(mount.path, 'TEST/1/MR1/resources', `${mode}-git`)
      const { code } = await run('git', ['clone', '-q', join(bench.inputs, 'repository'), 'clone'], { cwd })
      const left = await readdir(cwd, { recursive: true })
      expect(code).not.toBe(0)
      expect(left).toEqual([])
      const complaints = await mount.complaints()
      expect(complaints.filter((line) => line.includes('.git'))).toHaveLength(1)
    })
  })

  describe('have it on the server after umount:', () => {
    let umount: Outcome
    let flush: Outcome
    beforeAll(async () => {
      flush = await mount.xnatfs(['flush', mount.path])
      umount = await mount.xnatfs(['umount', mount.path])
    })

    it('flush and umount say that everything is there', () => {
      expect(umount).toMatchObject({ code: 0, stderr: '' })
      expect(flush).toMatchObject({ code: 0, stderr: '' })
    })

    it('the log complains of nothing but git', async () => {
      expect((await mount.complaints()).filter((line) => !line.includes('.git'))).toEqual([])
    })

    it.each(named)('%s', async (_, row) => {
      const { after } = await bench.truth(row)
      const stored = both(
        await storedTree(client, `${resources}/${label(row, 'R')}`),
        await storedTree(client, `${resources}/${label(row, 'S')}`),
      )
      expect(stored).toEqual(filesOf(after))
    })

    it('pyxnat reads all of it', async () => {
      const expected: Record<string, FileTree> = {}
      for (const row of rows) {
        const { after } = await bench.truth(row)
        for (const part of ['R', 'S'] as const) expected[label(row, part)] = within(part, filesOf(after))
      }
      await writeFile(join(local, 'read.py'), pyxnat)
      const { stdout, stderr } = await run('/usr/bin/python3', [
        join(local, 'read.py'),
        server.url,
        server.user,
        server.password,
        local,
        ...Object.keys(expected),
      ])
      expect(JSON.parse(stdout.trim().split('\n').at(-1) || `"${stderr}"`)).toEqual(expected)
    })
  })

  describe('send no more than they must:', () => {
    let requests: readonly RequestRecord[]
    let ids: ReadonlyMap<string, string>
    beforeAll(async () => {
      requests = await server.requests()
      ids = await resourceIds(client, resources)
    })
    const changesIn = (row: ToolRow, part: 'R' | 'S'): ReturnType<typeof changesOf> => {
      const name = label(row, part)
      return under(part, changesOf(requests, [name, ids.get(name)!]))
    }

    it.each(named)('%s', async (_, row) => {
      const changes = { ...changesIn(row, 'R'), ...changesIn(row, 'S') }
      expect(brokenRules(row, mode, await bench.truth(row), changes).join('\n')).toBe('')
    })
  })
})

function under<T>(folder: string, tree: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(tree).map(([name, what]) => [join(folder, name), what]))
}

/** The part of a tree that is in one of its folders. */
function within(folder: string, tree: FileTree): FileTree {
  const inside = Object.entries(tree).filter(([name]) => name.startsWith(`${folder}/`))
  return Object.fromEntries(inside.map(([name, what]) => [name.slice(folder.length + 1), what]))
}
