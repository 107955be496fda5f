import { describe, expect, it } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/D'
const files = '/data/experiments/**'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/D')

interface Exchange {
  readonly method: string
  readonly status: number
  /** It came before the PUT that was sent before it was answered. */
  readonly isBehind: boolean
}

/** Each request for a file since the last `resetRequests`; all PUTs are to be slow. */
function exchanges(): Exchange[] {
  let answeredAt = 0
  const requests = at.emulator.control.requests().filter(({ path }) => path.includes('/files/'))
  return requests.map(({ method, status, startedAt, durationMs }) => {
    const isBehind = method === 'GET' && startedAt < answeredAt
    if (method === 'PUT') answeredAt = startedAt + (durationMs ?? Infinity)
    return { method, status, isBehind }
  })
}

const slowPut = { path: files, method: 'PUT', fault: { kind: 'delay', ms: 100 } } as const

/** A mount that has seen a listing with sizes and digests, and whose next writes can be told apart. */
async function startMount() {
  await at.server.put('first.txt', 'first')
  const { mount, fs } = await at.start()
  await fs.list(here)
  await readFile(fs, `${here}/first.txt`)
  at.emulator.control.resetRequests()
  at.emulator.control.setFaults([slowPut])
  return { mount, fs }
}

describe('the proof of a small file', () => {
  it('is asked for behind its upload, before that is answered', async () => {
    const { fs } = await startMount()
    await writeFile(fs, `${here}/a.txt`, 'one')
    await writeFile(fs, `${here}/b.txt`, 'two')
    const pair = [
      { method: 'PUT', status: 200, isBehind: false },
      { method: 'GET', status: 200, isBehind: true },
    ]
    expect(exchanges()).toEqual([...pair, ...pair])
    expect(await at.server.texts()).toEqual({ 'first.txt': 'first', 'a.txt': 'one', 'b.txt': 'two' })
  })

  it('is asked for once more, and never again behind, where what came behind was none', async () => {
    const { fs } = await startMount()
    const noProof = { path: files, method: 'GET', times: 1, fault: { kind: 'status', status: 404 } } as const
    at.emulator.control.setFaults([slowPut, noProof])
    await writeFile(fs, `${here}/a.txt`, 'one')
    await writeFile(fs, `${here}/b.txt`, 'two')
    expect(exchanges()).toEqual([
      { method: 'PUT', status: 200, isBehind: false },
      { method: 'GET', status: 404, isBehind: true },
      { method: 'GET', status: 200, isBehind: false },
      { method: 'PUT', status: 200, isBehind: false },
      { method: 'GET', status: 200, isBehind: false },
    ])
    expect(await at.server.texts()).toEqual({ 'first.txt': 'first', 'a.txt': 'one', 'b.txt': 'two' })
  })

  it('that breaks off is none', async () => {
    const { fs } = await startMount()
    const broken = {
      path: files,
      method: 'GET',
      times: 1,
      fault: { kind: 'truncate', afterBytes: 1 },
    } as const
    at.emulator.control.setFaults([slowPut, broken])
    await writeFile(fs, `${here}/a.txt`, 'one')
    expect(exchanges().map(({ method }) => method)).toEqual(['PUT', 'GET', 'GET'])
    expect(await at.server.texts()).toEqual({ 'first.txt': 'first', 'a.txt': 'one' })
  })

  it('comes after another log-in where the session had ended', async () => {
    const { fs } = await startMount()
    at.emulator.control.expireSessions()
    await writeFile(fs, `${here}/a.txt`, 'one')
    expect(exchanges().at(-1)).toEqual({ method: 'GET', status: 200, isBehind: true })
    expect(await at.server.texts()).toEqual({ 'first.txt': 'first', 'a.txt': 'one' })
  })

  it('does not hide that an upload failed', async () => {
    const { fs } = await startMount()
    const full = { path: files, method: 'PUT', fault: { kind: 'status', status: 413 } } as const
    at.emulator.control.setFaults([full])
    await expect(writeFile(fs, `${here}/a.txt`, 'one')).rejects.toMatchObject({ code: 'EFBIG' })
    at.emulator.control.setFaults([])
    expect(await at.server.texts()).toEqual({ 'first.txt': 'first' })
  })
})
