import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findCredentials, parseNetrc } from '../../../src/cli/credentials.js'

const url = 'https://xnat.example.org'

describe('parseNetrc', () => {
  const text = `# comment
machine other.example.org login a password b
machine xnat.example.org
  login me
  password "with blank \\"quoted\\""
machine localhost:8080 login local password p8080
default login d password dp
`
  it.each([
    ['xnat.example.org', undefined, { user: 'me', password: 'with blank "quoted"' }],
    ['xnat.example.org', 'me', { user: 'me', password: 'with blank "quoted"' }],
    ['localhost:8080', undefined, { user: 'local', password: 'p8080' }],
    ['localhost:9090', undefined, { user: 'd', password: 'dp' }],
    ['xnat.example.org', 'somebody', undefined],
  ])('finds %s for user %s', (machine, user, expected) => {
    expect(parseNetrc(text, machine, user)).toEqual(expected)
  })

  it('finds nothing in what is no netrc', () => {
    expect(parseNetrc('', 'h')).toBeUndefined()
    expect(parseNetrc('machine h login only', 'h')).toBeUndefined()
  })
})

describe('findCredentials', () => {
  let directory: string
  let netrc: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
    netrc = join(directory, 'netrc')
  })
  afterEach(() => rm(directory, { recursive: true }))
  const from = (user: string | undefined, env: Record<string, string>): ReturnType<typeof findCredentials> =>
    findCredentials(url, { user, env: { NETRC: netrc, ...env }, ask: undefined })

  it('takes the environment before ~/.netrc', async () => {
    await writeFile(netrc, 'machine xnat.example.org login me password n', { mode: 0o600 })
    expect(await from('me', { XNAT_PASS: 'e' })).toEqual({ user: 'me', password: 'e' })
    expect(await from('me', {})).toEqual({ user: 'me', password: 'n' })
    expect(await from(undefined, {})).toEqual({ user: 'me', password: 'n' })
  })

  it('refuses a ~/.netrc that others can read', async () => {
    await writeFile(netrc, 'machine xnat.example.org login me password n')
    await chmod(netrc, 0o644)
    await expect(from('me', {})).rejects.toThrow(/chmod 600/)
  })

  it('asks on the terminal when there is one', async () => {
    const questions: string[] = []
    const ask = (question: string): Promise<string> => {
      questions.push(question)
      return Promise.resolve('typed')
    }
    expect(await findCredentials(url, { user: 'me', env: { NETRC: netrc }, ask })).toEqual({
      user: 'me',
      password: 'typed',
    })
    expect(questions).toEqual(['Password of me at https://xnat.example.org: '])
  })

  it('says how to give a password where nobody can be asked', async () => {
    await expect(from('me', {})).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('XNAT_PASS'),
    })
  })

  it('wants to know whose password it is', async () => {
    await expect(from(undefined, { XNAT_PASS: 'x' })).rejects.toMatchObject({ exitCode: 2 })
  })

  it.each([
    ['https://xnat.example.org/', 'e'],
    ['xnat.example.org/data', 'e'],
    ['', 'e'],
    ['http://xnat.example.org', undefined],
    ['https://xnat.example.org/other', undefined],
    ['https://xnat.example.org:8443', undefined],
    ['https://elsewhere.example.org', undefined],
    ['ftp://no url', undefined],
  ])('takes XNAT_PASS, where XNAT_HOST is %j, as %s', async (host, password) => {
    const env = { XNAT_HOST: host, XNAT_USER: 'me', XNAT_PASS: 'e' }
    if (password !== undefined) expect(await from('me', env)).toEqual({ user: 'me', password })
    else {
      await expect(from('me', env)).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(`XNAT_USER and XNAT_PASS are for ${host}.*not used for ${url}`),
      })
      await writeFile(netrc, 'machine xnat.example.org login me password n', { mode: 0o600 })
      expect(await from('me', env)).toEqual({ user: 'me', password: 'n' })
    }
  })

  it('is a guest without a user', async () => {
    expect(await from(undefined, {})).toBeUndefined()
  })
})
