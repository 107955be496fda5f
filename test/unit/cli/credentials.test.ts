import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findCredentials } from '../../../src/cli/credentials.js'
import type { CredentialSources, FoundCredentials } from '../../../src/cli/credentials.js'

const url = 'https://xnat.example.org'
const token = { url, user: 'me', alias: 'a-l-i-a-s', secret: 's', issuedMs: 0, expiresMs: 1 }

describe('findCredentials', () => {
  let directory: string
  let netrc: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xnatfs-test-'))
    netrc = join(directory, 'netrc')
  })
  afterEach(() => rm(directory, { recursive: true }))
  /** Where nothing is but what is given here. */
  const from = (
    flags: CredentialSources['flags'],
    env: Record<string, string> = {},
    more: Partial<CredentialSources> = {},
  ): Promise<FoundCredentials> =>
    findCredentials(url, {
      flags,
      env: { NETRC: netrc, ...env },
      ask: undefined,
      readInput: () => Promise.reject(new Error('nothing is to be read')),
      userOfSession: () => Promise.resolve('me'),
      stored: () => Promise.resolve(undefined),
      ...more,
    })
  const writeNetrc = (): Promise<void> =>
    writeFile(netrc, 'machine xnat.example.org login me password n', { mode: 0o600 })

  it('takes the first source that has something', async () => {
    await writeNetrc()
    const env = { XNAT_USER: 'me', XNAT_PASS: 'e', XNAT_JSESSION: 'J' }
    const all: Partial<CredentialSources> = {
      readInput: () => Promise.resolve('i'),
      stored: () => Promise.resolve(token),
      ask: () => Promise.resolve('t'),
    }
    const me = { user: 'me' }
    expect(await from({ ...me, guest: true, passwordStdin: true }, env, all)).toEqual({
      credentials: undefined,
      source: '--guest',
    })
    expect(await from({ ...me, passwordStdin: true }, env, all)).toEqual({
      credentials: { user: 'me', password: 'i' },
      source: '--password-stdin',
    })
    expect(await from(me, env, all)).toEqual({
      credentials: { user: 'me', password: 'e' },
      source: 'XNAT_PASS',
    })
    expect(await from(me, { XNAT_JSESSION: 'J' }, all)).toEqual({
      credentials: { user: 'me', jsession: 'J' },
      source: 'XNAT_JSESSION',
    })
    expect(await from({}, {}, all)).toEqual({
      credentials: { user: 'me', password: 'n' },
      source: '~/.netrc',
    })
    await rm(netrc)
    expect(await from({}, {}, all)).toEqual({
      credentials: { user: 'me', password: 's', alias: 'a-l-i-a-s' },
      source: 'xnatfs login',
    })
    const { stored: _, ...withoutToken } = all
    expect(await from(me, {}, withoutToken)).toEqual({
      credentials: { user: 'me', password: 't' },
      source: 'the terminal',
    })
    expect(await from({}, {}, withoutToken)).toEqual({ credentials: undefined, source: 'nothing' })
  })

  it('takes of files only what is for the user who was named', async () => {
    await writeNetrc()
    const asked: (string | undefined)[] = []
    const stored: CredentialSources['stored'] = (user) => {
      asked.push(user)
      return Promise.resolve(undefined)
    }
    await expect(from({ user: 'you' }, {}, { stored })).rejects.toMatchObject({ exitCode: 3 })
    expect(asked).toEqual(['you'])
  })

  it('refuses a ~/.netrc that others can read', async () => {
    await writeNetrc()
    await chmod(netrc, 0o644)
    await expect(from({ user: 'me' })).rejects.toThrow(/chmod 600/)
  })

  it('says how to give a password where nobody can be asked', async () => {
    await expect(from({ user: 'me' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/no password for user 'me'; run `xnatfs login .*XNAT_PASS.*netrc/),
    })
  })

  it('wants to know whose password it is', async () => {
    await expect(from({}, { XNAT_PASS: 'x' })).rejects.toMatchObject({ exitCode: 2 })
    await expect(from({ passwordStdin: true })).rejects.toMatchObject({ exitCode: 2 })
  })

  it('does not send the password of one user with the name of another', async () => {
    await expect(from({ user: 'you' }, { XNAT_USER: 'me', XNAT_PASS: 'e' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining("XNAT_PASS is for 'me'"),
    })
    await expect(from({ user: 'you' }, { XNAT_JSESSION: 'J' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining("XNAT_JSESSION: is a session of 'me', not of 'you'; give"),
    })
  })

  it.each([
    ['https://xnat.example.org/', true],
    ['xnat.example.org/data', true],
    ['', true],
    ['http://xnat.example.org', false],
    ['https://xnat.example.org/other', false],
    ['https://xnat.example.org:8443', false],
    ['https://elsewhere.example.org', false],
    ['ftp://no url', false],
  ])('takes the log-in of the environment where XNAT_HOST is %j: %s', async (host, isTaken) => {
    const env = { XNAT_HOST: host, XNAT_USER: 'me', XNAT_PASS: 'e' }
    const session = { XNAT_HOST: host, XNAT_JSESSION: 'J' }
    if (isTaken) {
      expect((await from({ user: 'me' }, env)).source).toBe('XNAT_PASS')
      expect((await from({}, session)).source).toBe('XNAT_JSESSION')
    } else {
      await expect(from({ user: 'me' }, env)).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringMatching(`XNAT_USER and XNAT_PASS are for ${host}.*not used for ${url}`),
      })
      expect((await from({}, session)).source).toBe('nothing')
    }
  })
})
