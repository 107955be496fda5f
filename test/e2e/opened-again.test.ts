import { constants } from 'node:fs'
import { appendFile, open, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Mount } from '../support/mount.js'
import { Server } from '../support/server.js'

const session = 'TEST/1/MR1'
const rest = '/data/experiments/XNAT_E00001'
const directFlags = constants.O_RDONLY | constants.O_DIRECT

let server: Server
let mount: Mount
beforeEach(async () => {
  server = await Server.start()
})
afterEach(async () => {
  await server.stop()
})

async function withMount(
  task: () => Promise<void>,
  expected: readonly RegExp[] = [],
  ttl = 60,
): Promise<void> {
  const flags = [
    '--driver',
    'libfuse3',
    '--no-cache',
    '--allow-delete',
    'entities',
    '--listing-ttl',
    String(ttl),
  ]
  mount = await Mount.start(server, { flags })
  try {
    await task()
  } finally {
    await mount.stop(expected)
  }
}

const at = (...names: string[]): string => join(mount.path, session, ...names)
const text = (path: string): Promise<string> => readFile(path, 'utf8')

async function put(resource: string, name: string, bytes: Buffer): Promise<void> {
  await server.rest('PUT', `${rest}/${resource}`)
  const to = `${rest}/${resource}/files/${name}?inbody=true&overwrite=true`
  expect((await server.rest('PUT', to, bytes)).status).toBeLessThan(300)
}

it('a view shows what was written by another path, though it was opened before', async () => {
  await put('scans/1/resources/NOTES', 'n.txt', Buffer.from('first version'))
  await withMount(async () => {
    const view = at('scans/ALL/NOTES/n.txt')
    for (let i = 0; i < 2; i++) expect(await text(view)).toBe('first version')
    await writeFile(at('scans/1/NOTES/n.txt'), 'other version')
    expect(await text(view)).toBe('other version')
    expect(await text(view)).toBe('other version')
    await appendFile(at('scans/1/NOTES/n.txt'), ', and longer')
    expect(await text(view)).toBe('other version, and longer')
  })
})

it('what is made of answers of the server is made anew', async () => {
  await put('scans/1/resources/NOTES', 'n.txt', Buffer.from('first version'))
  await withMount(async () => {
    const [zip, status] = [at('scans/1/NOTES.zip'), at('.xnat/status')]
    const before = (await readFile(zip)).length
    for (let i = 0; i < 2; i++) await Promise.all([readFile(zip), text(status)])
    await writeFile(at('scans/1/NOTES/second.txt'), 'x'.repeat(3000))
    expect((await readFile(zip)).length).toBeGreaterThan(before)
    await writeFile(status, 'quarantine\n')
    expect(await text(status)).toBe('quarantine\n')
  })
})

it('a file that is held open stays what it was when it is deleted on the server', async () => {
  await put('resources/BIG', 'a.bin', Buffer.alloc(50_000, 'a'))
  await withMount(
    async () => {
      const path = at('resources/BIG/a.bin')
      await readFile(path)
      const held = await open(path)
      try {
        expect((await server.rest('DELETE', `${rest}/resources/BIG/files/a.bin`)).status).toBeLessThan(300)
        // The kernel asks for attributes before it reads, once it does not believe those that it has.
        await expect.poll(() => stat(path).catch(() => 'gone'), { timeout: 5000 }).toBe('gone')
        const part = Buffer.alloc(10)
        expect((await held.read(part, 0, 10, 100)).bytesRead).toBe(10)
        expect(part.toString()).toBe('a'.repeat(10))
        expect((await held.stat()).size).toBe(50_000)
      } finally {
        await held.close()
      }
    },
    [],
    1,
  )
})

it('on a read-only mount a file can be opened while it is held open, also when it has come into the cache', async () => {
  await put('resources/BIG', 'a.bin', Buffer.alloc(50_000, 'a'))
  const flags = ['--driver', 'libfuse3', '--read-only', '--listing-ttl', '1']
  mount = await Mount.start(server, { flags })
  try {
    const path = at('resources/BIG/a.bin')
    await readFile(path)
    const held = await open(path)
    const asked = async (): Promise<number> =>
      (await server.requests()).filter(({ path: of }) => of.includes('/resources')).length
    const before = await asked()
    await expect
      .poll(async () => ((await readFile(path)).length === 50_000 ? asked() : Number.NaN), {
        timeout: 10_000,
      })
      .toBeGreaterThan(before)
    expect((await readFile(path)).length).toBe(50_000)
    await held.close()
  } finally {
    await mount.stop()
  }
})

it('a file that takes the name and the number of one that was removed is opened as itself', async () => {
  await put('resources/BIG', 'a.bin', Buffer.alloc(50_000, 'a'))
  await withMount(async () => {
    const path = at('resources/BIG/a.bin')
    await readFile(path)
    await unlink(path)
    const writer = await open(path, 'wx')
    await writer.write(Buffer.alloc(50_000, 'n'))
    const reader = await open(path, directFlags)
    try {
      await writer.close()
      await unlink(path)
      const part = Buffer.alloc(4096)
      expect((await reader.read(part, 0, 4096, 8192)).bytesRead).toBe(4096)
      expect(part.equals(Buffer.alloc(4096, 'n'))).toBe(true)
    } finally {
      await reader.close()
    }
  })
})
