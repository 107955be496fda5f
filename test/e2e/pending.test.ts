import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

interface PendingFile {
  readonly id: string
  readonly path: string
  readonly sizeBytes: number
  readonly reason: string | null
  readonly owner: string
  readonly mountpoint: string | null
}

const back = ['--write-mode', 'back', '--write-back-delay', '3600']
const resource = 'TEST/1/MR1/resources/PENDING'
const uri = '/data/projects/TEST/subjects/1/experiments/MR1/resources/PENDING/files'

let server: Server
let mount: Mount
let complaints: RegExp[]
beforeEach(async () => {
  complaints = []
  server = await Server.start()
  mount = await Mount.start(server, { flags: back })
  await mkdir(at(''))
})
afterEach(async () => {
  try {
    await mount.stop(complaints)
  } finally {
    await server.stop()
  }
})

const at = (name: string): string => join(mount.path, resource, name)
const pending = async (): Promise<PendingFile[]> =>
  JSON.parse((await mount.xnatfs(['pending', 'list', '--json'])).stdout) as PendingFile[]
const stored = async (name: string): Promise<string | undefined> => {
  const { status, body } = await server.rest('GET', `${uri}/${name}`)
  return status === 200 ? body.toString() : undefined
}

/** The process of the mount is killed; its mountpoint is free again. */
async function kill(): Promise<void> {
  process.kill(await mount.pid(), 'SIGKILL')
  await expect.poll(() => mount.pid().catch(() => undefined)).toBe(undefined)
  await mount.clear()
}

describe('what was written in the mode back', () => {
  it('is listed as pending until a flush has sent it', async () => {
    await writeFile(at('a.txt'), 'precious')
    expect(await pending()).toMatchObject([
      { path: `/${resource}/a.txt`, sizeBytes: 8, owner: 'alive', mountpoint: mount.path },
    ])
    expect(await stored('a.txt')).toBe(undefined)
    expect(await mount.xnatfs(['flush', mount.path])).toMatchObject({
      code: 0,
      stdout: 'everything is on the server\n',
    })
    expect(await stored('a.txt')).toBe('precious')
    expect((await mount.xnatfs(['pending', 'list'])).stdout).toBe('nothing is pending\n')
  })

  it('survives kill -9, is shown by the next mount, and sent by it', async () => {
    await writeFile(at('a.txt'), 'precious')
    await kill()
    expect(await pending()).toMatchObject([{ path: `/${resource}/a.txt`, owner: 'dead', mountpoint: null }])
    await mount.again(back)
    expect(await readFile(at('a.txt'), 'utf8')).toBe('precious')
    expect((await mount.xnatfs(['umount', mount.path])).code).toBe(0)
    expect(await stored('a.txt')).toBe('precious')
    expect(await pending()).toEqual([])
  })

  it('is sent without a mount by `pending retry`', async () => {
    await writeFile(at('a.txt'), 'precious')
    await kill()
    expect(await mount.xnatfs(['pending', 'retry'])).toMatchObject({
      code: 0,
      stdout: `everything for ${server.url} is on the server\n`,
    })
    expect(await stored('a.txt')).toBe('precious')
  })

  it('can be exported, and discarded, by its name in the journal', async () => {
    await writeFile(at('a.txt'), 'one')
    await writeFile(at('b.txt'), 'two')
    const [a] = (await pending()).filter(({ path }) => path.endsWith('a.txt'))
    const exported = join(mount.directory, 'exported')
    expect((await mount.xnatfs(['pending', 'export', exported, a!.id])).code).toBe(0)
    expect(await readFile(join(exported, resource, 'a.txt'), 'utf8')).toBe('one')
    expect(existsSync(join(exported, resource, 'b.txt'))).toBe(false)
    const again = await mount.xnatfs(['pending', 'export', exported, a!.id])
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('export into an empty directory'),
    })
    expect((await mount.xnatfs(['pending', 'discard', a!.id])).code).toBe(0)
    expect(await readdir(at(''))).toEqual(['b.txt'])
    await kill()
    expect((await mount.xnatfs(['pending', 'discard', '--all'])).stdout).toBe('1 files are discarded\n')
    expect(await pending()).toEqual([])
    await mount.again()
    expect(await readdir(at(''))).toEqual([])
  })

  it('is named when it is asked for wrongly', async () => {
    expect(await mount.xnatfs(['pending', 'discard'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--all'),
    })
    expect(await mount.xnatfs(['pending', 'discard', 'nothing'])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('pending list'),
    })
    expect(await mount.xnatfs(['flush', mount.directory])).toMatchObject({ code: 5 })
  })

  it('is not taken over by a read-only mount', async () => {
    await writeFile(at('a.txt'), 'precious')
    await kill()
    await mount.again(['--read-only'])
    expect(existsSync(at('a.txt'))).toBe(false)
    expect(await pending()).toMatchObject([{ owner: 'dead' }])
  })
})

it('a list of what is pending is whole, however long it is', async () => {
  const longest = 'x'.repeat(200)
  const names = Array.from({ length: 250 }, (_, i) => `${longest}${i}`)
  for (const name of names) await writeFile(at(name), '')
  const listed = (await pending()).map(({ path }) => path)
  expect(listed.toSorted()).toEqual(names.map((name) => `/${resource}/${name}`).toSorted())
})

describe('labels', () => {
  it('of subjects and experiments are changed by mv only where that was allowed', async () => {
    complaints = [
      /EPERM rename 1: labels are protected; mount with --allow-rename/,
      /EINVAL rename SUBJ: 'no blank'/,
      /EPERM remove scans/,
    ]
    await expect(rename(join(mount.path, 'TEST/1'), join(mount.path, 'TEST/SUBJ'))).rejects.toMatchObject({
      code: 'EPERM',
    })
    await mount.xnatfs(['umount', mount.path])
    await mount.again(['--allow-rename', 'entities'])
    await shell('mv "$P/TEST/1/MR1" "$P/TEST/1/BASELINE" && mv "$P/TEST/1" "$P/TEST/SUBJ"', {
      env: { P: mount.path },
    })
    await writeFile(join(mount.path, 'TEST/SUBJ/BASELINE/resources/PENDING/a.txt'), 'a')
    const { status, body } = await server.rest(
      'GET',
      '/data/projects/TEST/subjects/SUBJ/experiments/BASELINE/resources/PENDING/files/a.txt',
    )
    expect([status, body.toString()]).toEqual([200, 'a'])
    await expect(
      rename(join(mount.path, 'TEST/SUBJ'), join(mount.path, 'TEST/no blank')),
    ).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(
      rename(join(mount.path, 'TEST/SUBJ/BASELINE/scans'), join(mount.path, 'TEST/SUBJ/BASELINE/other')),
    ).rejects.toMatchObject({ code: 'EPERM' })
  })
})
