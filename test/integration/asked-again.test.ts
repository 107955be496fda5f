import { describe, expect, it, vi } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const resources = 'TEST/1/MR1/resources'
const here = `${resources}/J`
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

/** What a change may meet once: it was not done, or it was and the answer is lost. */
const troubles = [
  { title: 'a server that is too busy', fault: { kind: 'status', status: 503 } },
  { title: 'a proxy without its server', fault: { kind: 'status', status: 502 } },
  { title: 'a connection that ends before the answer', fault: { kind: 'drop', afterBytes: 0 } },
] as const

describe.each(troubles)('$title, once', ({ fault }) => {
  const labels = async (): Promise<string[]> => {
    const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources?format=json'
    const listing = (await (await at.server.rest('GET', uri)).json()) as {
      ResultSet: { Result: { label: string }[] }
    }
    return listing.ResultSet.Result.map(({ label }) => label).toSorted()
  }

  it('does not keep a file from being removed', async () => {
    const { fs } = await at.start()
    await writeFile(fs, `${here}/a`, 'mine')
    await writeFile(fs, `${here}/b`, 'other')
    at.emulator.control.setFaults([{ method: 'DELETE', path: '/data/**', times: 1, fault }])
    await fs.unlink(`${here}/a`)
    expect(await at.server.texts()).toEqual({ b: 'other' })
  })

  it('does not keep a resource from being made', async () => {
    const { fs } = await at.start()
    const before = await labels()
    at.emulator.control.setFaults([{ method: 'PUT', path: '/data/**', times: 1, fault }])
    await fs.mkdir(`${resources}/NEW`)
    expect(await labels()).toEqual([...before, 'NEW'].toSorted())
    await writeFile(fs, `${resources}/NEW/a`, 'in it')
    expect((await readFile(fs, `${resources}/NEW/a`)).toString()).toBe('in it')
  })

  it('does not keep a resource from being removed', async () => {
    const { fs } = await at.start()
    const before = await labels()
    at.emulator.control.setFaults([{ method: 'DELETE', path: '/data/**', times: 1, fault }])
    await fs.rmdir(here)
    expect(await labels()).toEqual(before.filter((label) => label !== 'J'))
  })

  it('does not keep a mount from logging in again', async () => {
    const { fs } = await at.start()
    await at.server.put('a', 'text')
    at.emulator.control.expireSessions()
    at.emulator.control.setFaults([{ method: 'POST', path: '/data/JSESSION', times: 1, fault }])
    expect((await readFile(fs, `${here}/a`)).toString()).toBe('text')
  })
})

describe.each([503, 502, 504, 500])('an upload that is answered by a %i', (status) => {
  /** Overwrites a file, and has the first answer be the status. Resolves when the server has been asked. */
  async function overwrite(): Promise<{ readonly closed: Promise<void> }> {
    await at.server.put('a', 'one')
    const { fs } = await at.start({ writeMode: 'close' })
    const file = await fs.open(`${here}/a`, 'r+')
    await file.write(Buffer.from('two'), 0)
    const uploads = (): number =>
      at.emulator.control
        .requests()
        .filter(({ method, path }) => method === 'PUT' && path.includes('/files/a')).length
    const before = uploads()
    const first = { method: 'PUT', path: '**/files/a', times: 1 }
    at.emulator.control.setFaults([
      { ...first, fault: { kind: 'delay', ms: 200 } },
      { ...first, fault: { kind: 'status', status } },
    ])
    const closed = file.close()
    closed.catch(() => {}) // awaited later
    await vi.waitUntil(() => uploads() > before, { interval: 1 })
    return { closed }
  }

  it('is asked for again', async () => {
    const { closed } = await overwrite()
    await closed
    expect(await at.server.texts()).toEqual({ a: 'two' })
  })

  it('does not overwrite what another client stores before it is asked for again', async () => {
    const { closed } = await overwrite()
    await at.server.put('a', 'theirs')
    await expect(closed).rejects.toMatchObject({ code: 'ESTALE' })
    expect(await at.server.texts()).toEqual({ a: 'theirs' })
  })

  it('does not bring back what another client removes before it is asked for again', async () => {
    const { closed } = await overwrite()
    await at.server.rest('DELETE', '/data/projects/TEST/subjects/1/experiments/MR1/resources/J/files/a')
    await expect(closed).rejects.toMatchObject({ code: 'ESTALE' })
    expect(await at.server.texts()).toEqual({})
  })
})

describe('a resource of which this mount does not know yet what another client has done', () => {
  const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/J'

  it('is there, with what it has, when it cannot be made', async () => {
    const { fs } = await at.start()
    await fs.rmdir(here)
    await fs.list(resources)
    await at.server.make()
    await at.server.put('a', 'theirs')
    await expect(fs.mkdir(here)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await fs.list(resources)).toContain('J')
    expect((await readFile(fs, `${here}/a`)).toString()).toBe('theirs')
  })

  it('is not there when it cannot be removed', async () => {
    const { fs } = await at.start()
    await fs.list(here)
    await at.server.rest('DELETE', uri)
    await expect(fs.rmdir(here)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await fs.list(resources)).not.toContain('J')
  })
})
