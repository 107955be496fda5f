import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'

let emulator: RunningEmulator
beforeAll(async () => {
  emulator = await startEmulator()
})
afterAll(() => emulator.close())

function rest(method: string, path: string, body?: string): Promise<Response> {
  const basic = Buffer.from(`${emulator.user}:${emulator.password}`).toString('base64')
  const headers = { authorization: `Basic ${basic}`, 'content-type': 'application/octet-stream' }
  return fetch(emulator.url + path, { method, headers, ...(body !== undefined && { body }) })
}

describe('the Content-Disposition of a file (§3.1)', () => {
  const files = '/data/projects/TEST/resources/HEADERS/files'
  it.each([
    ['plain.txt', 'plain.txt'],
    ['a b.txt', 'a b.txt'],
    ['é è.txt', 'é è.txt'],
    ['日本 語.txt', '?? ?.txt'],
  ])('of %s is in ISO-8859-1, and the bytes come', async (name, shown) => {
    const path = `${files}/${encodeURIComponent(name)}`
    expect((await rest('PUT', path, 'bytes')).status).toBe(200)
    const response = await rest('GET', path)
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${shown}";`)
    expect(await response.text()).toBe('bytes')
  })
})
