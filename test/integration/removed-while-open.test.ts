import { describe, expect, it, vi } from 'vitest'
import { readFile, writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

/** A descriptor is of the file that was opened, whatever has its name by now. */
const here = 'TEST/1/MR1/resources/J'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

it.each(['close', 'back'] as const)('a file that is removed can be read on (%s)', async (writeMode) => {
  await at.server.put('a', 'one')
  const { fs } = await at.start({ writeMode })
  const file = await fs.open(`${here}/a`, 'r')
  await fs.unlink(`${here}/a`)
  expect(await at.server.texts()).toEqual({})
  expect((await file.read(0, 10)).toString()).toBe('one')
  await file.close()
  expect(await fs.list(here)).toEqual([])
})

it.each(['close', 'back'] as const)(
  'a file that another one of its size replaces can be read on (%s)',
  async (writeMode) => {
    await at.server.put('a', 'one')
    await at.server.put('b', 'two')
    const { mount, fs } = await at.start({ writeMode })
    const file = await fs.open(`${here}/a`, 'r')
    await fs.rename(`${here}/b`, `${here}/a`)
    await mount.vfs.drain({ includeOpen: true })
    expect(await at.server.texts()).toEqual({ a: 'two' })
    expect((await file.read(0, 10)).toString()).toBe('one')
    await file.close()
    expect((await readFile(fs, `${here}/a`)).toString()).toBe('two')
  },
)

it.each([
  ['removed', false, 'close'],
  ['replaced', true, 'close'],
  ['replaced', true, 'back'],
] as const)(
  'a file of more than 1 GiB that is %s is not fetched for it (%s, %s)',
  async (_, isReplaced, writeMode) => {
    await at.server.put('a', 'one')
    const { mount, fs } = await at.start({ writeMode })
    at.emulator.control.setFaults([
      { method: 'GET', path: '/data/**', fault: { kind: 'listing-size', delta: 2 ** 30 } },
    ])
    const file = await fs.open(`${here}/a`, 'r')
    await writeFile(fs, `${here}/b.part`, 'two')
    const before = at.emulator.control.requests().length
    await (isReplaced ? fs.rename(`${here}/b.part`, `${here}/a`) : fs.unlink(`${here}/a`))
    const ofFile = at.emulator.control
      .requests()
      .slice(before)
      .filter(({ path }) => path.split('?')[0]!.endsWith('/a'))
    expect(ofFile[0]?.method).not.toBe('GET')
    await expect(async () => file.read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    await mount.vfs.drain({ includeOpen: true })
    at.emulator.control.setFaults([])
    expect(await at.server.texts()).toEqual(isReplaced ? { a: 'two' } : {})
    await expect(async () => file.read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
    await file.close()
    expect(await fs.list(here)).toEqual(isReplaced ? ['a'] : ['b.part'])
    expect(mount.lines.join()).toMatch(/a of more than 1 GiB goes while somebody has it open/)
  },
)

describe.each(['close', 'back'] as const)('a file of which a part was changed (%s)', (writeMode) => {
  it('can be read on when it is removed', async () => {
    await at.server.put('a', 'one of the server')
    const { fs } = await at.start({ writeMode })
    const file = await fs.open(`${here}/a`, 'r+')
    await file.write(Buffer.from('ONE'), 0)
    await fs.unlink(`${here}/a`)
    expect(await at.server.texts()).toEqual({})
    expect((await file.read(0, 100)).toString()).toBe('ONE of the server')
    await file.close()
    expect(await at.server.texts()).toEqual({})
  })

  it('can be read on when another one replaces it', async () => {
    await at.server.put('a', 'one of the server')
    await at.server.put('b', 'two')
    const { mount, fs } = await at.start({ writeMode })
    const file = await fs.open(`${here}/a`, 'r+')
    await file.write(Buffer.from('ONE'), 0)
    await fs.rename(`${here}/b`, `${here}/a`)
    await mount.vfs.drain({ includeOpen: true })
    expect((await file.read(0, 100)).toString()).toBe('ONE of the server')
    await file.close()
    expect(await at.server.texts()).toEqual({ a: 'two' })
  })
})

it('what was looked up before it was removed, and is opened or cut then, is looked up again', async () => {
  const { mount, fs } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  await writeFile(fs, `${here}/a`, 'one')
  let ino = 1
  for (const name of `${here}/a`.split('/')) ino = (await mount.vfs.lookup(ino, name)).ino
  await fs.unlink(`${here}/a`)
  await expect(mount.vfs.setattr(ino, { sizeBytes: 1 })).rejects.toMatchObject({ code: 'ESTALE' })
  await expect(mount.vfs.open(ino, true)).rejects.toMatchObject({ code: 'ESTALE' })
})

it('a file that cannot be read is removed all the same, and who had it open is told', async () => {
  await at.server.put('a', 'one')
  const { fs } = await at.start({ writeMode: 'close' })
  const file = await fs.open(`${here}/a`, 'r')
  at.emulator.control.setFaults([
    { method: 'GET', path: '**/files/a', fault: { kind: 'status', status: 403 } },
  ])
  await fs.unlink(`${here}/a`)
  at.emulator.control.setFaults([])
  expect(await at.server.texts()).toEqual({})
  await expect(file.read(0, 10)).rejects.toMatchObject({ code: 'ESTALE' })
  await file.close()
})

it.each(['rename', 'hide'] as const)('a file may be closed while it is brought here (%s)', async (how) => {
  await at.server.put('a', 'one')
  const { mount, fs } = await at.start({ writeMode: 'close' })
  await writeFile(fs, `${here}/b.part`, 'two')
  const file = await fs.open(`${here}/a`, 'r')
  const { ino: parent } = await fs.stat(here)
  at.emulator.control.setFaults([{ method: 'GET', path: '**/files/a', fault: { kind: 'delay', ms: 100 } }])
  const gets = (): number =>
    at.emulator.control.requests().filter(({ path }) => path.includes('/files/a')).length
  const before = gets()
  const replaced =
    how === 'rename'
      ? fs.rename(`${here}/b.part`, `${here}/a`)
      : mount.vfs.hide(parent, 'a').then(() => fs.rename(`${here}/b.part`, `${here}/a`))
  await vi.waitUntil(() => gets() > before)
  await file.close()
  await replaced
  expect(await at.server.texts()).toEqual({ a: 'two' })
  expect(mount.lines).toEqual([])
})

it('a file that was looked up before another one replaces it, and is opened while that is sent, is looked up again', async () => {
  await at.server.put('a', 'one')
  const { mount, fs } = await at.start({ writeMode: 'close' })
  await writeFile(fs, `${here}/b.part`, 'two')
  const { ino } = await fs.stat(`${here}/a`)
  at.emulator.control.setFaults([{ method: 'PUT', path: '**/files/a', fault: { kind: 'delay', ms: 100 } }])
  const puts = (): number => at.emulator.control.requests().filter(({ method }) => method === 'PUT').length
  const before = puts()
  const renamed = fs.rename(`${here}/b.part`, `${here}/a`)
  await vi.waitUntil(() => puts() > before)
  await expect(async () => mount.vfs.open(ino, false)).rejects.toMatchObject({ code: 'ESTALE' })
  await renamed
})
