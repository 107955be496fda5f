import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createResource, put, table } from '../support/contract-fixtures.js'
import { basic, isEmulated, startContractServer, type ContractServer } from '../support/contract-server.js'
import { multipart } from '../support/multipart.js'
import { RawConnection } from '../support/raw-http.js'

let server: ContractServer
let project: string
let state: string
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'xnatfs-contract-'))
  server = await startContractServer({ stateDirectory: state })
  project = `/data/projects/${server.project}`
})
afterAll(async () => {
  await server?.close()
  await rm(state, { recursive: true, force: true })
})

let resources = 0
/** A new resource for each test, so that a list shows what the test stored and nothing else. */
async function newFiles(): Promise<string> {
  const label = `NAMES${++resources}`
  await createResource(server, project, label)
  return `${project}/resources/${label}/files`
}

/** Paths as the list has them. */
async function stored(files: string): Promise<string[]> {
  const { rows } = await table(server, files)
  return rows.map(({ URI }) => URI!.replace(/^.*?\/resources\/\d+\/files\//, '')).toSorted()
}

const get = (path: string) => server.request('GET', path)

/** Sends a target that no HTTP client would let pass; the status. */
async function rawStatus(method: string, path: string): Promise<number> {
  const connection = await RawConnection.open(server.url)
  try {
    const prefix = new URL(server.url).pathname.replace(/\/$/, '')
    const authorization = basic(server.user, server.password)
    connection.send(`${method} ${prefix}${path}`, { Authorization: authorization, Accept: '*/*' })
    return (await connection.head()).status
  } finally {
    connection.destroy()
  }
}

describe('xnat-wire.md §3.6: names in URLs (since 1.8.4)', () => {
  test.each([
    ['a%20b', 'a b'],
    ['a%2Bb', 'a+b'],
    ['a+b', 'a+b'],
    ['a%20b%2Bc', 'a b+c'],
    ['a%20b+c', 'a b c'],
    ['a%23b', 'a%23b'],
    ['a%25b', 'a%25b'],
    ['%C3%A9', '%C3%A9'],
    ['%5Bx%5D', '%5Bx%5D'],
    ['a%26b', 'a%26b'],
    ['a&b', 'a&b'],
    // Only the upper-case spelling sets decoding off.
    ['a%2bb', 'a%2bb'],
    ['a%20%23b', 'a #b'],
    ['%C3%A9%20x', 'é x'],
    ['sub%20folder/a%23b', 'sub folder/a#b'],
    ['sub/a%23b', 'sub/a%23b'],
  ])('PUT %s stores "%s", and the same URL finds it', async (url, name) => {
    const files = await newFiles()
    await put(server, `${files}/${url}`, 'bytes')
    expect(await stored(files)).toEqual([name])
    const answer = await get(`${files}/${url}`)
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('bytes')
  })

  test('GET tries the raw path, then the decoded one: a raw + also means a blank', async () => {
    const files = await newFiles()
    await put(server, `${files}/a%20b`, 'blank')
    expect((await get(`${files}/a+b`)).text).toBe('blank')
    await put(server, `${files}/a%2Bb`, 'plus')
    expect((await get(`${files}/a+b`)).text).toBe('plus')
    expect((await get(`${files}/a%20b`)).text).toBe('blank')
  })

  test('a name given by multipart is taken as it is, and found by its encoded URL', async () => {
    const files = await newFiles()
    for (const name of ['a#b', '100%', '[x]', 'a&b', 'a+b', 'a b']) {
      expect((await server.request('POST', files, multipart({ [name]: name }))).status).toBe(200)
    }
    expect(await stored(files)).toEqual(['100%', '[x]', 'a b', 'a#b', 'a&b', 'a+b'])
    for (const name of ['a#b', '100%', '[x]', 'a&b', 'a b']) {
      expect((await get(`${files}/${encodeURIComponent(name)}`)).text).toBe(name)
    }
  })

  test('with a path in the URL, that wins over the name in multipart', async () => {
    const files = await newFiles()
    const answer = await server.request('PUT', `${files}/by-url.txt`, multipart({ 'by-part.txt': 'x' }))
    expect(answer.status).toBe(200)
    expect(await stored(files)).toEqual(['by-url.txt'])
  })

  test.each(['%2F', '%5C', '%2f', '%5c'])('%s in the path is refused by Tomcat: 400', async (escape) => {
    const files = await newFiles()
    expect(await rawStatus('GET', `${files}/a${escape}b`)).toBe(400)
    expect(await rawStatus('PUT', `${files}/a${escape}b`)).toBe(400)
  })

  test.each(['[', ']', '{', '}', '|', '"', '^'])('a raw %s is refused: 400', async (character) => {
    expect(await rawStatus('GET', `${project}/resources/X/files/a${character}b`)).toBe(400)
  })

  test('. and .. are resolved before XNAT sees the path', async () => {
    const files = await newFiles()
    await put(server, `${files}/sub/x`, 'x')
    expect(await rawStatus('GET', `${files}/./sub/x`)).toBe(200)
    expect(await rawStatus('GET', `${files}/other/../sub/x`)).toBe(200)
  })

  test(';x=1 is part of the name', async () => {
    const files = await newFiles()
    await put(server, `${files}/a;x=1`, 'x')
    expect(await stored(files)).toEqual(['a;x=1'])
    expect((await get(`${files}/a;x=1`)).text).toBe('x')
    expect((await get(`${files}/a`)).status).toBe(404)
  })

  test('folders are made by PUT and go with their last file', async () => {
    const files = await newFiles()
    await put(server, `${files}/one/two/x`, 'x')
    expect(await stored(files)).toEqual(['one/two/x'])
    expect((await get(`${files}/one/two`)).status).toBe(404)
    expect((await server.request('DELETE', `${files}/one/two/x`)).status).toBe(200)
    // A file can take the place of the folder only if that is gone.
    await put(server, `${files}/one`, 'file')
    expect((await get(`${files}/one`)).text).toBe('file')
  })
})

describe.runIf(isEmulated)('xnat-wire.md §3.6 (the server’s disk is needed)', () => {
  const disk = (files: string, name: string) =>
    join(state, 'archive', server.project, 'resources', files.split('/')[5]!, name)

  test('gzip ghost: without x, GET x serves x.gz with its length and name', async () => {
    const files = await newFiles()
    await put(server, `${files}/x`, 'content that is not compressed')
    const packed = gzipSync('content that was compressed')
    await rm(disk(files, 'x'))
    await writeFile(disk(files, 'x.gz'), packed)
    const answer = await get(`${files}/x`)
    expect(answer.body.equals(packed)).toBe(true)
    expect(answer.headers['content-length']).toBe(String(packed.length))
    expect(answer.headers['content-disposition']).toContain('filename="x.gz"')
  })

  test('a file that an import called a#b: GET finds it by a%23b, DELETE only with a %20 in the URL', async () => {
    const files = await newFiles()
    await server.request('POST', files, multipart({ 'a#b': 'x' }))
    expect((await get(`${files}/a%23b`)).text).toBe('x')
    expect((await server.request('DELETE', `${files}/a%23b`)).status).toBe(404)
    expect((await get(`${files}/a%23b`)).status).toBe(200)
  })

  test('letters outside ASCII in a multipart name arrive mangled', async () => {
    const files = await newFiles()
    expect((await server.request('POST', files, multipart({ né: 'x' }))).status).toBe(200)
    const [name] = await stored(files)
    expect(name).not.toBe('né')
    expect(name).toMatch(/^n/)
  })

  test('Last-Modified is that of the file on disk, to the second (§2.5)', async () => {
    const files = await newFiles()
    await put(server, `${files}/x`, 'x')
    await utimes(disk(files, 'x'), 1_000_000_000, 1_000_000_000.75)
    expect((await get(`${files}/x`)).headers['last-modified']).toBe('Sun, 09 Sep 2001 01:46:40 GMT')
  })
})
