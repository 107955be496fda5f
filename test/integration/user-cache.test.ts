import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import { changesAt } from '../support/control-site.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** The folders of files that a user has at the server: a place where files are made, read, changed and removed. */

const top = '/data/user/cache/resources'
const folder = '.xnat/cache/upload'
let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
beforeEach(async () => {
  emulator = await startEmulator()
  local = await startLocalVfs(emulator)
  fs = vfsFileSystem(local.vfs)
  await fs.mkdir(folder)
})
afterEach(async () => {
  await local.stop()
  await emulator.close()
})

const text = async (path: string): Promise<string> => (await readFile(fs, path)).toString()
const server = async (path: string): Promise<string> =>
  (await rest(emulator, 'GET', top + path)).body.toString()
const changes = (): string[] => changesAt(emulator)

describe('a file in a folder of the user', () => {
  it('is stored by writing it, read and listed, also by the path of REST', async () => {
    await writeFile(fs, `${folder}/a.bin`, Buffer.from([0, 1, 2, 255]))
    expect(await server('/upload/files/a.bin')).toBe(Buffer.from([0, 1, 2, 255]).toString())
    expect(await fs.list('.xnat/cache')).toEqual(['upload'])
    expect(await fs.list(folder)).toEqual(['a.bin'])
    const pasted = 'data/user/cache/resources/upload/files'
    expect(await fs.list(pasted)).toEqual(['a.bin'])
    expect((await readFile(fs, `${pasted}/a.bin`)).equals(Buffer.from([0, 1, 2, 255]))).toBe(true)
    expect((await fs.stat(`${folder}/a.bin`)).sizeBytes).toBe(4)
    await expect(fs.stat(`${folder}/none`)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fs.stat('.xnat/cache/none')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is in the list that curl gets of the folder, unless a folder has the name of the question', async () => {
    await writeFile(fs, `${folder}/a.txt`, 'a')
    for (const question of ['?', '?format=json', '?format=csv', '?format=xml', '?format=html'])
      expect([question, await text(`data/user/cache/resources/upload${question}`)]).toEqual([
        question,
        await server(`/upload${question}`),
      ])
    await expect(fs.mkdir(`${folder}?`)).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(fs.stat('.xnat/cache/none?')).rejects.toMatchObject({ code: 'ENOENT' })
    await fs.mkdir('.xnat/cache/none?')
    await fs.mkdir('.xnat/cache/none')
    expect(await fs.list('.xnat/cache/none?')).toEqual([])
  })

  it('may be large, empty, in a folder, and have any name', async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, 'large')
    await fs.mkdir(`${folder}/in`)
    const names = ['a b', 'é', '100%', 'a#b?c', "it's", 'a,b', '%20', 'con', '👍', 'x'.repeat(200)]
    for (const name of names) await writeFile(fs, `${folder}/${name}`, name)
    await writeFile(fs, `${folder}/in/large`, large)
    await writeFile(fs, `${folder}/empty`, '')
    await local.vfs.drain({ includeOpen: true })
    await put(emulator, `${top}/upload/files/files?inbody=true`, 'of REST')
    local.archive.refresh()
    const listed = await fs.list(folder)
    expect(listed.toSorted()).toEqual([...names, 'files~files', 'in', 'empty'].toSorted())
    for (const name of names) expect([name, await text(`${folder}/${name}`)]).toEqual([name, name])
    expect((await readFile(fs, `${folder}/in/large`)).equals(large)).toBe(true)
    expect((await fs.stat(`${folder}/empty`)).sizeBytes).toBe(0)
    emulator.control.resetRequests()
    await fs.unlink(`${folder}/a,b`)
    expect(changes()).toEqual([`DELETE ${top}/upload/files/a%2Cb`])
    expect((await fs.list(folder)).length).toBe(listed.length - 1)
    for (const name of ['a\\b', 'é'.repeat(60)])
      await expect(writeFile(fs, `${folder}/${name}`, 'x')).rejects.toMatchObject({ code: 'EINVAL' })
  })

  it('is overwritten and changed in place, also by a text of the same size', async () => {
    const path = `${folder}/a.txt`
    await writeFile(fs, path, 'first\n')
    expect(await text(path)).toBe('first\n')
    await writeFile(fs, path, 'other\n')
    expect(await text(path)).toBe('other\n')
    const open = await fs.open(path, 'a')
    await open.write(Buffer.from('more\n'))
    await open.close()
    expect(await server('/upload/files/a.txt')).toBe('other\nmore\n')
  })

  it('is not overwritten when somebody has changed or made it meanwhile', async () => {
    const path = `${folder}/a.txt`
    await writeFile(fs, path, 'first\n')
    const open = await fs.open(path, 'r+')
    await open.write(Buffer.from('mine'), 0)
    await put(emulator, `${top}/upload/files/a.txt?inbody=true`, 'of another program\n')
    await expect(open.close()).rejects.toMatchObject({ code: 'ESTALE' })
    const made = await fs.open(`${folder}/new.txt`, 'wx')
    await made.write(Buffer.from('mine'), 0)
    await put(emulator, `${top}/upload/files/new.txt?inbody=true`, 'theirs')
    await expect(made.close()).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await server('/upload/files/a.txt')).toBe('of another program\n')
    expect(await server('/upload/files/new.txt')).toBe('theirs')
  })

  it('is removed by its name, and its folder when that is empty', async () => {
    await writeFile(fs, `${folder}/a`, 'a')
    await writeFile(fs, `${folder}/ab`, 'ab')
    await expect(fs.rmdir(folder)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await fs.unlink(`${folder}/a`)
    expect(await fs.list(folder)).toEqual(['ab'])
    await put(emulator, `${top}/upload/files/later?inbody=true`, 'later')
    await fs.unlink(`${folder}/ab`)
    await expect(fs.rmdir(folder)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    local.archive.refresh()
    await fs.unlink(`${folder}/later`)
    await fs.rmdir(folder)
    expect(await fs.list('.xnat/cache')).toEqual([])
    expect(await server('?format=csv')).toBe('Resource,URI\n')
  })

  it('that the server has otherwise than it was sent is an error', async () => {
    emulator.control.setFaults([
      { path: `${top}/upload/files/a`, method: 'GET', fault: { kind: 'corrupt', atByte: 0 } },
    ])
    await expect(writeFile(fs, `${folder}/a`, 'text')).rejects.toMatchObject({ code: 'EIO' })
  })
})

describe('beside the folders of the user', () => {
  it('nothing is made, and nobody sees those of another', async () => {
    await expect(writeFile(fs, '.xnat/cache/file', 'x')).rejects.toMatchObject({ code: 'EPERM' })
    await expect(fs.rmdir('.xnat/cache')).rejects.toMatchObject({ code: 'EPERM' })
    const theirs = await startLocalVfs({ url: emulator.url, user: 'member', password: 'member-pass' })
    try {
      expect(await vfsFileSystem(theirs.vfs).list('.xnat/cache')).toEqual([])
    } finally {
      await theirs.stop()
    }
  })

  it('a server that lists no folders shows none, and is asked to remove nothing', async () => {
    await writeFile(fs, `${folder}/a`, 'a')
    local.archive.refresh()
    // As some versions do: the list is empty of everything, and a file is answered with the list of its folder.
    emulator.control.setFaults([
      { path: top, fault: { kind: 'status', status: 200, html: '' } },
      { path: `${top}/upload/files`, fault: { kind: 'status', status: 404 } },
    ])
    emulator.control.resetRequests()
    await expect(fs.list('.xnat/cache')).rejects.toMatchObject({ code: 'EIO' })
    await expect(fs.unlink(`${folder}/a`)).rejects.toMatchObject({ code: 'EIO' })
    expect(changes()).toEqual([])
  })
})
