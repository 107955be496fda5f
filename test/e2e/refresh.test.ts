import { readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { xnatfs } from '../support/processes.js'
import { Server } from '../support/server.js'

/** `xnatfs refresh` (docs/semantics.md, 2.5), while listings are believed for an hour. */
describe.each(drivers)('refresh with the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  const resources = 'TEST/1/MR1/resources'
  const store = (resource: string, file: string, body: string): Promise<unknown> =>
    server.rest(
      'PUT',
      `/data/projects/TEST/subjects/1/experiments/MR1/resources/${resource}/files/${file}?overwrite=true`,
      body,
    )
  const at = (path: string): string => join(mount.path, resources, path)
  const refresh = async (path: string): Promise<string> => {
    const { code, stdout, stderr } = await mount.xnatfs(['refresh', path])
    expect([code, stderr]).toEqual([0, ''])
    return stdout
  }

  beforeAll(async () => {
    server = await Server.start()
    await store('ONE', 'a.txt', 'first')
    await store('TWO', 'a.txt', 'first')
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    mount = await Mount.start(server, {
      flags: [
        '--driver',
        driver,
        '--listing-ttl',
        '3600',
        '--write-mode',
        'back',
        '--write-back-delay',
        '3600',
      ],
    })
  })
  afterEach(() => mount.stop())

  it('shows what others have made in a directory, and believes of the others what it knows', async () => {
    for (const resource of ['ONE', 'TWO']) expect(await readdir(at(resource))).not.toContain(`${driver}.txt`)
    for (const resource of ['ONE', 'TWO']) await store(resource, `${driver}.txt`, 'x')
    expect(await refresh(at('ONE'))).toContain(at('ONE'))
    await expect.poll(() => readdir(at('ONE'))).toContain(`${driver}.txt`)
    expect(await readdir(at('TWO'))).not.toContain(`${driver}.txt`)
    await refresh(mount.path)
    await expect.poll(() => readdir(at('TWO'))).toContain(`${driver}.txt`)
  })

  // fuse-native has no way to tell the kernel.
  it.each([driver].filter((name) => name === 'libfuse3'))(
    'has taken effect when it is done (%s)',
    async () => {
      for (let length = 100; length < 130; length++) {
        await stat(at('ONE/a.txt'))
        await store('ONE', 'a.txt', 'x'.repeat(length))
        await mount.refresh()
        expect((await stat(at('ONE/a.txt'))).size).toBe(length)
      }
    },
  )

  it('gives the new version of a file to who opens it, in place of pages that the kernel has', async () => {
    await store('ONE', 'b.txt', 'old bytes')
    expect(await readFile(at('ONE/b.txt'), 'utf8')).toBe('old bytes')
    await store('ONE', 'b.txt', 'new bytes')
    expect(await readFile(at('ONE/b.txt'), 'utf8')).toBe('old bytes')
    await refresh(at('ONE/b.txt'))
    await expect.poll(() => readFile(at('ONE/b.txt'), 'utf8')).toBe('new bytes')
  })

  it('finds what was not there, by a path that leads through a link to the mount', async () => {
    const name = `new-${driver}`
    expect(await readdir(join(mount.path, 'TEST/1'))).not.toContain(name)
    await expect(stat(join(mount.path, 'TEST/1', name))).rejects.toMatchObject({ code: 'ENOENT' })
    await server.rest('PUT', `/data/projects/TEST/subjects/1/experiments/${name}?xsiType=xnat:mrSessionData`)
    const link = join(mount.directory, 'link')
    await symlink(mount.path, link)
    await refresh(join(link, 'TEST/1', name))
    const seen = (): Promise<string> =>
      stat(join(mount.path, 'TEST/1', name)).then(
        () => 'there',
        () => 'absent',
      )
    // With fuse-native the kernel believes for five seconds that a name is absent.
    await expect.poll(seen, { timeout: 15_000 }).toBe('there')
  })

  it('leaves what is written and not sent as it is', async () => {
    await readdir(at('ONE'))
    await writeFile(at('ONE/a.txt'), 'only here')
    await store('ONE', 'other.txt', 'x')
    await refresh(mount.path)
    expect(await readFile(at('ONE/a.txt'), 'utf8')).toBe('only here')
    const pending = JSON.parse((await mount.xnatfs(['pending', 'list', '--json'])).stdout) as {
      path: string
    }[]
    expect(pending.map(({ path }) => path)).toEqual([`/${resources}/ONE/a.txt`])
  })
})

it('says that a path is in no mount', async () => {
  expect(await xnatfs(['refresh', tmpdir()])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('is in no mount of xnatfs'),
  })
})
