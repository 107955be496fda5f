import { describe, expect, it } from 'vitest'
import { readFile } from '../support/file-system.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { useRemounts } from '../support/remounts.js'
import { untoldFileSystem } from '../support/untold-file-system.js'

/** Files that the kernel opens without telling: whatever it knows may be open (`KernelTraits.opensUntold`). */

const folder = 'TEST/1/MR1/resources/J'
const file = `${folder}/a`
const asked = '.xnat/projects?columns=ID'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/J')

async function start(listingTtl = 60) {
  await at.server.put('a', 'the first version')
  const dropped: string[] = []
  const { mount } = await at.start({
    readOnly: true,
    listingTtl,
    kernel: { opensUntold: true },
    dropName: (_parent, name) => dropped.push(name),
  })
  const fs = untoldFileSystem(mount.vfs)
  const { ino: parent } = await fs.stat(folder)
  const change = async (text: string): Promise<void> => {
    await at.server.put('a', text)
    mount.vfs.refresh(undefined)
  }
  return { mount, fs, parent, dropped, change, ...(await asKernel(mount)) }
}

/** Looks up, and forgets, as a kernel does. */
async function asKernel({ vfs }: LocalVfs) {
  const lookUp = async (path: string) => {
    let found = await vfs.getattr(1)
    for (const name of path.split('/')) found = await vfs.lookup(found.ino, name)
    return found
  }
  return { lookUp }
}

describe('a file that the kernel knows when the server gets another version', () => {
  it('stays what it was, and its name is another from then on, which the kernel is told', async () => {
    const { mount, fs, lookUp, change, dropped } = await start()
    const before = await lookUp(file)
    await change('short')
    const now = await lookUp(file)
    expect(now.sizeBytes).toBe(5)
    expect(now.ino).not.toBe(before.ino)
    expect(dropped).toEqual(['a'])
    expect(await mount.vfs.getattr(before.ino)).toMatchObject({ ino: before.ino, sizeBytes: 17, links: 0 })
    await expect(mount.vfs.openUntold(before.ino)).rejects.toMatchObject({ code: 'ESTALE' })
    expect((await readFile(fs, file)).toString()).toBe('short')
  })

  it('is never read on in the other one', async () => {
    const { fs, change } = await start()
    const old = await fs.open(file, 'r')
    expect((await old.read(0, 9)).toString()).toBe('the first')
    await change('another version that is longer')
    await expect(old.read(9, 100)).rejects.toMatchObject({ code: 'ESTALE' })
    expect((await readFile(fs, file)).toString()).toBe('another version that is longer')
    await old.close()
    expect(fs.opens.size).toBe(0)
  })

  it('is the same one again when the kernel had forgotten it', async () => {
    const { mount, fs, lookUp, change, dropped } = await start()
    const { ino } = await lookUp(file)
    expect((await readFile(fs, file)).toString()).toBe('the first version')
    mount.vfs.forget(ino)
    await change('short')
    expect(await lookUp(file)).toMatchObject({ ino, sizeBytes: 5 })
    expect(dropped).toEqual([])
    expect((await readFile(fs, file)).toString()).toBe('short')
  })

  it('is not opened by an older listing when there is a newer one', async () => {
    const { mount, lookUp, change } = await start()
    const { ino } = await lookUp(file)
    await change('short')
    await expect(mount.vfs.openUntold(ino)).rejects.toMatchObject({ code: 'ESTALE' })
    expect(await lookUp(file)).toMatchObject({ sizeBytes: 5 })
  })
})

describe('a file that was read', () => {
  it('is found and read while the server is away, and stays the same', async () => {
    const { mount, fs, lookUp } = await start()
    const { ino } = await lookUp(file)
    expect((await readFile(fs, file)).toString()).toBe('the first version')
    at.emulator.control.setFaults([
      { method: 'GET', path: '/data/**', fault: { kind: 'drop', afterBytes: 0 } },
    ])
    mount.vfs.refresh(undefined)
    expect(await lookUp(file)).toMatchObject({ ino, sizeBytes: 17 })
    expect((await readFile(fs, file)).toString()).toBe('the first version')
  })
})

describe('the name of a file', () => {
  it('is looked up again when its listing is not believed any more', async () => {
    const { lookUp } = await start()
    const { nameTimeoutMs } = await lookUp(file)
    expect(nameTimeoutMs).toBeGreaterThan(1000)
    expect(nameTimeoutMs).toBeLessThanOrEqual(60_000)
  })

  it('is looked up again soon where each open asks for it', async () => {
    const { mount, fs, lookUp } = await start()
    const sent = await (await at.server.rest('GET', '/data/projects?columns=ID')).text()
    expect(await lookUp(asked)).toMatchObject({ sizeBytes: sent.length, nameTimeoutMs: 1000 })
    expect((await readFile(fs, asked)).toString()).toBe(sent)
    expect(mount.lines).toEqual([])
  })
})

describe('an entry of a listing', () => {
  it('comes with its attributes', async () => {
    const { mount, parent } = await start()
    const handle = mount.vfs.opendir(parent)
    const [item] = await mount.vfs.readdir(handle)
    expect(mount.vfs.remember(parent, 'a', item!.attributes.ino)).toMatchObject({ sizeBytes: 17 })
  })

  it('has to be looked up where something has to be asked for before it is opened', async () => {
    const { mount, lookUp } = await start()
    const nested = 'ODD/subject with blanks/session with blanks/scans/1-MR1/NESTED'
    const { ino: parent } = await lookUp(nested)
    const items = await mount.vfs.readdir(mount.vfs.opendir(parent))
    const { ino } = items.find(({ name }) => name === 'empty.dat')!.attributes
    const remember = () => mount.vfs.remember(parent, 'empty.dat', ino)
    expect(remember).toThrow(/is not empty\.dat any more/)
    expect(await lookUp(`${nested}/empty.dat`)).toMatchObject({ sizeBytes: 0 })
    expect(remember()).toMatchObject({ sizeBytes: 0 })
  })
})
