import { describe, expect, it } from 'vitest'
import { writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/ROW'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/ROW')
const names = ['a.dcm', 'b.dcm', 'c.dcm', 'd.dcm', 'e.dcm', 'f.dcm']

/** Each request for the catalog, and each delete. */
const asked = (): string[] =>
  at.emulator.control
    .requests()
    .filter(({ method, path }) => method === 'DELETE' || /\/resources\/\d+(?:\?|$)/.test(path))
    .map(({ method }) => method)

describe('files that are removed one after the other', () => {
  it('are deleted by a request each, with one listing between two of them', async () => {
    for (const name of names) await at.server.put(name, name)
    const { fs } = await at.start()
    expect((await fs.list(here)).toSorted()).toEqual(names)
    at.emulator.control.resetRequests()
    for (const name of names) await fs.unlink(`${here}/${name}`)
    expect(asked().filter((method) => method === 'DELETE')).toHaveLength(names.length)
    // More on a machine that lets more time pass between two of them than between two deletes of `rm -r`.
    expect(asked().filter((method) => method === 'GET').length).toBeLessThanOrEqual(2 * names.length)
    expect(asked().slice(0, 2)).toEqual(['GET', 'DELETE'])
    expect(await at.server.texts()).toEqual({})
  })

  it('take nothing along that this mount has stored in between', async () => {
    await at.server.put('a', 'a')
    await at.server.put('b', 'b')
    const { fs } = await at.start()
    await fs.list(here)
    await fs.unlink(`${here}/a`)
    await writeFile(fs, `${here}/b.gz`, 'packed')
    await fs.unlink(`${here}/b`)
    expect(await at.server.texts()).toEqual({ 'b.gz': 'packed' })
  })
})
