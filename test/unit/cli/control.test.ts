import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { askControl, serveControl } from '../../../src/cli/control.js'
import type { ControlServer } from '../../../src/cli/control.js'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-control-'))
  path = join(folder, 'place.sock')
})
afterEach(() => rm(folder, { recursive: true }))
const serve = (message: string): Promise<ControlServer> =>
  serveControl(path, () => Promise.resolve({ isDone: true, message }))
const ask = async (): Promise<string | undefined> => (await askControl(path, { command: 'status' }))?.message

it('a mount that ends late leaves the socket of the next one at its place alone', async () => {
  const first = await serve('first')
  const second = await serve('second')
  await first.close()
  expect(await ask()).toBe('second')
  await second.close()
  expect(await ask()).toBeUndefined()
  expect(await readdir(folder)).toEqual([])
})

it('what a killed mount has left is replaced', async () => {
  await writeFile(path, '')
  const server = await serve('here')
  expect(await ask()).toBe('here')
  await server.close()
})

it('somebody who asks nothing, or has stopped, does not hold up the end', async () => {
  const server = await serve('here')
  const silent = createConnection(path)
  await new Promise((resolve) => silent.once('connect', resolve))
  expect(await ask()).toBe('here')
  await server.answered()
  silent.destroy()
  await server.close()
})
