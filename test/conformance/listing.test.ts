import { constants } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOperations } from '../../src/fuse/operations.js'
import { Log } from '../../src/util/log.js'
import type { Attributes } from '../../src/vfs/attributes.js'
import { writeFile } from '../support/file-system.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { startLocalVfs } from '../support/local-vfs.js'
import { Server } from '../support/server.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

describe('an entry that a listing gave, handed to the kernel later', () => {
  let server: Server
  let local: LocalVfs
  beforeAll(async () => {
    server = await Server.start()
    local = await startLocalVfs(server)
  })
  afterAll(async () => {
    await local.stop()
    await server.stop()
  })

  it('has the attributes of now, and is none when its name is something else or nothing', async () => {
    const operations = createOperations(local.vfs, new Log({ write: () => {} }))
    const fs = vfsFileSystem(local.vfs)
    const here = 'TEST/1/MR1/resources/LISTED'
    await fs.mkdir(here)
    for (const name of ['stays', 'goes', 'moves']) await writeFile(fs, `${here}/${name}`, 'x')
    const { ino } = await fs.stat(here)
    const numbers = new Map<string, number>()
    for (const name of ['stays', 'goes', 'moves']) numbers.set(name, (await fs.stat(`${here}/${name}`)).ino)
    await writeFile(fs, `${here}/stays`, 'longer')
    await fs.unlink(`${here}/goes`)
    await fs.rename(`${here}/moves`, `${here}/moved`)
    const remember = (name: string): unknown => operations.remember(ino, name, numbers.get(name)!)
    expect((remember('stays') as Attributes).sizeBytes).toBe(6)
    expect([remember('goes'), remember('moves')]).toEqual([constants.errno.ENOENT, constants.errno.ENOENT])
    expect(operations.remember(ino, 'moved', numbers.get('moves')!)).toMatchObject({ sizeBytes: 1 })
  })
})
