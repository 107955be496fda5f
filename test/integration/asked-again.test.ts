import { describe, expect, it } from 'vitest'
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
