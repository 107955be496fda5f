import { describe, expect, it, vi } from 'vitest'
import { XnatArchive } from '../../src/archive/xnat-archive.js'
import { knownJournals } from '../../src/data/journal-directory.js'
import { readEntries } from '../../src/data/journal-record.js'
import type { FaultRule } from '../../src/emulator/emulator.js'
import type { FsError } from '../../src/util/fs-error.js'
import { writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { abandonJournals } from '../support/journals.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/L'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/L')
/** Nothing is sent by itself while a test looks. */
const back = { writeMode: 'back', writeBackDelay: 3600 } as const
type TakenAlong = XnatArchive['takenAlong']
type Started = Awaited<ReturnType<typeof at.start>>

const count = (method: string, path: string): number =>
  at.emulator.control.requests().filter((request) => request.method === method && request.path.includes(path))
    .length
const deletes = (): number => count('DELETE', '/files/')
const slow = (method: 'PUT' | 'DELETE', ms: number, file = '**'): FaultRule => ({
  method,
  path: `/data/**/files/${file}`,
  fault: { kind: 'delay', ms },
})
const soon = { timeout: 20_000, interval: 5 }

async function kill({ mount }: Started): Promise<void> {
  await abandonJournals(at.root)
  await mount.hangUp()
  at.emulator.control.setFaults([])
}

/** What the server has when the next mount has sent all. */
async function next(): Promise<Record<string, string>> {
  const { mount } = await at.start({ ...back, overdueMs: 300 })
  await mount.vfs.drain({ includeOpen: false })
  return at.server.texts()
}

async function entryNames(): Promise<string[]> {
  const fail = (error: Error): never => {
    throw error
  }
  const journals = await knownJournals(at.root)
  const entries = await Promise.all(journals.map(({ path }) => readEntries(path, fail)))
  return entries.flat().map(({ record }) => record.name)
}

async function send(fs: FileSystem, name: string): Promise<void> {
  const open = await fs.open(`${here}/${name}`, 'r+')
  await open.sync()
  await open.close()
}

/** Another descriptor is open when a part is written. */
async function writePart(fs: FileSystem, name: string, text: string): Promise<void> {
  const writing = await fs.open(`${here}/${name}`, 'r+')
  await fs.open(`${here}/${name}`, 'r+')
  await writing.write(Buffer.from(text), 0)
  await writing.close()
}

/** XNAT deletes the longer name with the shorter one. */
async function storeBoth({ mount, fs }: Started): Promise<void> {
  await writeFile(fs, `${here}/n.nii`, 'image')
  await writeFile(fs, `${here}/n.nii.gz`, 'packed')
  await mount.vfs.drain({ includeOpen: false })
}

describe('a new file of the bytes and the name of one that was renamed stays where it was sent', () => {
  async function startRenamed(): Promise<Started> {
    await at.server.put('a', 'bytes')
    const first = await at.start(back)
    await first.fs.rename(`${here}/a`, `${here}/b`)
    return first
  }
  const both = { a: 'bytes', b: 'bytes' }

  it('by the mount after the next', async () => {
    const first = await startRenamed()
    await writeFile(first.fs, `${here}/a`, 'bytes')
    await kill(first)
    const second = await at.start(back)
    await send(second.fs, 'a')
    await kill(second)
    expect(await next()).toEqual(both)
  })

  it('when it was made, removed and made again', async () => {
    const first = await startRenamed()
    await writeFile(first.fs, `${here}/a`, 'x')
    await first.fs.unlink(`${here}/a`)
    await writeFile(first.fs, `${here}/a`, 'bytes')
    await send(first.fs, 'a')
    await kill(first)
    expect(await next()).toEqual(both)
  })

  it('when it was renamed over another new one', async () => {
    const first = await startRenamed()
    await writeFile(first.fs, `${here}/a`, 'other')
    await writeFile(first.fs, `${here}/a.new`, 'bytes')
    await first.fs.rename(`${here}/a.new`, `${here}/a`)
    await send(first.fs, 'a')
    await kill(first)
    expect(await next()).toEqual(both)
  })

  it('when the old one was deleted while the renamed one was written again', async () => {
    const first = await startRenamed()
    at.emulator.control.setFaults([slow('DELETE', 300)])
    const open = await first.fs.open(`${here}/b`, 'r+')
    const sent = open.sync()
    await vi.waitFor(() => expect(deletes()).toBe(1), soon)
    await open.write(Buffer.from('half'), 0)
    await sent
    await writeFile(first.fs, `${here}/a`, 'bytes')
    await send(first.fs, 'a')
    await kill(first)
    expect(await next()).toEqual(both)
  })
})

describe('what was closed is sent by the next mount', () => {
  it.each([
    ['a stored file', { a: 'aaaaaa', b: 'bbbbbb' }],
    ['no file', { a: 'aaaaaa' }],
  ])('whole, when the file is renamed over %s while it is open', async (_, stored) => {
    for (const [name, text] of Object.entries(stored)) await at.server.put(name, text)
    const first = await at.start(back)
    await writePart(first.fs, 'a', 'X')
    await first.fs.rename(`${here}/a`, `${here}/b`)
    await writeFile(first.fs, `${here}/a`, 'new')
    await send(first.fs, 'a')
    await kill(first)
    expect(await next()).toEqual({ a: 'new', b: 'Xaaaaa' })
  })

  it('when the file is renamed while it is open, and its old name is that of another', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/x`, '')
    await writePart(first.fs, 'x', 'one')
    await first.fs.rename(`${here}/x`, `${here}/b`)
    await writeFile(first.fs, `${here}/x`, 'two')
    await kill(first)
    expect(await next()).toEqual({ b: 'one', x: 'two' })
  })

  it('when the file is renamed, while it is open, over one that was closed too', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/b`, 'before')
    await writeFile(first.fs, `${here}/x`, '')
    await writePart(first.fs, 'x', 'one')
    await first.fs.rename(`${here}/x`, `${here}/b`)
    await kill(first)
    expect(await next()).toEqual({ b: 'one' })
  })

  it('when the file is being written again while its old name, with which it would go, is deleted', async () => {
    await at.server.put('n.nii', 'image')
    const first = await at.start(back)
    await first.fs.rename(`${here}/n.nii`, `${here}/n.nii.gz`)
    at.emulator.control.setFaults([slow('DELETE', 500)])
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await vi.waitFor(() => expect(deletes()).toBe(1), soon)
    await first.fs.open(`${here}/n.nii.gz`, 'w')
    await draining
    await kill(first)
    expect(await next()).toEqual({ 'n.nii.gz': 'image' })
  })

  it('when the file is being written again while it waits for a delete that takes it along', async () => {
    const first = await at.start(back)
    await storeBoth(first)
    await writeFile(first.fs, `${here}/n.nii.gz`, 'PACKED')
    at.emulator.control.setFaults([slow('DELETE', 800)])
    const deleted = first.fs.unlink(`${here}/n.nii`)
    await vi.waitFor(() => expect(deletes()).toBe(1), soon)
    const draining = first.mount.vfs.drain({ includeOpen: false })
    await first.fs.open(`${here}/n.nii.gz`, 'w')
    await Promise.all([deleted, draining])
    await kill(first)
    expect(await next()).toEqual({ 'n.nii.gz': 'PACKED' })
  })

  it('when the mount ends while the file is being written again', async () => {
    const first = await at.start(back)
    await writeFile(first.fs, `${here}/a`, 'one')
    await first.fs.open(`${here}/a`, 'w')
    await first.mount.vfs.leave()
    await kill(first)
    expect(await next()).toEqual({ a: 'one' })
  })
})

it.each([
  ['close', '', 'written on'],
  ['back', '', 'written on'],
  ['back', 'closed, ', 'and written on'],
] as const)(
  'a file that is open when the mount ends (%s) is kept as far as it was written, after a close() of %j',
  async (writeMode, closed, more) => {
    const first = await at.start({ ...back, writeMode })
    const open = await first.fs.open(`${here}/log`, 'w')
    await first.fs.open(`${here}/log`, 'r+').then((other) => other.close())
    if (closed) await open.write(Buffer.from(closed), 0)
    const other = await first.fs.open(`${here}/log`, 'r+')
    if (closed) await other.write(Buffer.from(closed), 0)
    await other.close()
    await open.write(Buffer.from(more), closed.length)
    first.mount.vfs.giveUp()
    await first.mount.vfs.leave()
    await kill(first)
    expect(await next()).toEqual({ log: closed + more })
  },
)

it('what is closed while the bytes before it are sent is in the journal until its delete is done', async () => {
  await at.server.put('a', 'old')
  const first = await at.start(back)
  await first.fs.rename(`${here}/a`, `${here}/b`)
  await writeFile(first.fs, `${here}/a`, 'new1')
  at.emulator.control.setFaults([slow('PUT', 1000, 'b*'), slow('DELETE', 2000)])
  const a = await first.fs.open(`${here}/a`, 'r+')
  const b = await first.fs.open(`${here}/b`, 'r+')
  const sent = [a.sync(), b.sync()]
  await vi.waitFor(async () => expect((await at.server.texts())['a']).toBe('new1'), soon)
  await a.write(Buffer.from('new2'), 0)
  await a.close()
  const gone = first.fs.unlink(`${here}/a`)
  await vi.waitFor(() => expect(deletes()).toBe(1), soon)
  expect(await entryNames()).toContain('a')
  await Promise.all([...sent, gone])
})

it('files that wait for each other’s old names are all sent', async () => {
  const first = await at.start(back)
  const { fs, mount } = first
  await storeBoth(first)
  await fs.rename(`${here}/n.nii`, `${here}/c`)
  const original = Object.getOwnPropertyDescriptor(XnatArchive.prototype, 'takenAlong')!.value as TakenAlong
  let [goOn, isAsked] = [(): void => {}, false]
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const spy = vi.spyOn(XnatArchive.prototype, 'takenAlong').mockImplementation(async function (
    this: XnatArchive,
    ...[directory, file, signal]: Parameters<TakenAlong>
  ) {
    const waits = file.name === 'n.nii' && !isAsked
    isAsked ||= waits
    if (waits) await gate
    return original.call(this, directory, file, signal)
  })
  const sync = async (name: string): Promise<void> => (await fs.open(`${here}/${name}`, 'r+')).sync()
  const one = sync('c')
  await vi.waitFor(() => expect(isAsked).toBe(true), soon)
  await fs.rename(`${here}/n.nii.gz`, `${here}/n.nii`)
  await writeFile(fs, `${here}/n.nii.gz`, 'fresh')
  const two = sync('n.nii')
  at.emulator.control.setFaults([slow('PUT', 300)])
  const before = count('PUT', '/files/')
  const three = sync('n.nii.gz')
  await vi.waitFor(() => expect(count('PUT', '/files/')).toBe(before + 1), soon)
  goOn()
  spy.mockRestore()
  await Promise.all([one, two, three])
  await mount.vfs.drain({ includeOpen: true }) // what was taken along
  expect(await at.server.texts()).toEqual({ c: 'image', 'n.nii': 'packed', 'n.nii.gz': 'fresh' })
})

it('close() of a file that the mount gives up sending fails, and an old name stays that is not replaced', async () => {
  await at.server.put('a', 'stored')
  const { fs, mount } = await at.start({ writeMode: 'close' })
  at.emulator.control.setFaults([slow('PUT', 500)])
  const before = count('PUT', '/files/')
  const first = writeFile(fs, `${here}/b1`, 'B1')
  await vi.waitFor(() => expect(count('PUT', '/files/')).toBe(before + 1), soon)
  const second = await fs.open(`${here}/b2`, 'w')
  await second.write(Buffer.from('B2'), 0)
  const closed = second.close().then(
    () => 'closed',
    (error: unknown) => (error as FsError).code,
  )
  await vi.waitFor(async () => expect(await entryNames()).toContain('b2'), soon)
  mount.vfs.giveUp()
  await first
  expect(await closed).toBe('EIO')
  expect(await at.server.texts()).toEqual({ a: 'stored', b1: 'B1' })
  expect(await entryNames()).toContain('b2')
})
