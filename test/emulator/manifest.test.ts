import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'

let folder: string
let data: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-manifest-'))
  data = join(folder, 'data.json')
})
afterEach(() => rm(folder, { recursive: true }))

describe('the data that an embedded XNAT is given', () => {
  it.each([
    ['no JSON', '{', /data\.json cannot be read as a manifest/],
    ['JSON of something else', '{"scans": {}}', /data\.json is no manifest: it has no list "projects"/],
    ['no list of projects', '{"projects": 7}', /data\.json: projects must be a list/],
  ])('is refused where it is %s', async (_, text, wanted) => {
    await writeFile(data, text)
    await expect(startEmulator({ data })).rejects.toThrow(wanted)
  })

  it('may have no projects', async () => {
    await writeFile(data, '{"projects": []}')
    const emulator = await startEmulator({ data })
    const { url, user, password } = emulator
    try {
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      const answer = await fetch(`${url}/data/projects?format=json`, { headers: { authorization } })
      expect(await answer.json()).toMatchObject({ ResultSet: { totalRecords: '0' } })
    } finally {
      await emulator.close()
    }
  })
})
