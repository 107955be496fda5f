import { Command } from 'commander'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { placeInConfig } from '../../../src/cli/apply-config.js'
import type { MountFlags } from '../../../src/cli/flags.js'
import { addOptions, configKeys } from '../../../src/cli/options.js'
import { settleOptions } from '../../../src/cli/settle-options.js'

const text = `
url = "https://common.example.org"
user = "common"
cache = false
listing-ttl = 5
cache-size = "2G"

[profile.lab]
url = "https://lab.example.org"
user = "lab"
read-only = true
`

describe('the configuration file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xnatfs-config-'))
    await mkdir(join(directory, 'xnatfs'))
    vi.stubEnv('XDG_CONFIG_HOME', directory)
    for (const name of ['XNAT_HOST', 'XNAT_USER', 'XNAT_PASS']) vi.stubEnv(name, undefined)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(directory, { recursive: true })
  })
  const write = (content: string): Promise<void> =>
    writeFile(join(directory, 'xnatfs', 'config.toml'), content)
  const settled = async (...parameters: string[]): Promise<{ flags: MountFlags; command: Command }> => {
    const command = addOptions(new Command('mount').exitOverride(), 'mount').allowExcessArguments()
    command.parse(parameters, { from: 'user' })
    await settleOptions(command)
    return { flags: command.opts<MountFlags>(), command }
  }

  it('has values for every option that a call does not decide', async () => {
    await write(text)
    const { flags, command } = await settled()
    expect(flags).toMatchObject({
      url: 'https://common.example.org',
      user: 'common',
      cache: false,
      listingTtl: 5,
      cacheSize: 2 * 1024 ** 3,
    })
    expect(flags.readOnly).toBeUndefined()
    expect(placeInConfig(command, 'listingTtl')).toBe(join(directory, 'xnatfs', 'config.toml'))
    expect(placeInConfig(command, 'memory')).toBeUndefined()
  })

  it('comes after flags and the environment, but a profile that was asked for comes before the environment', async () => {
    await write(text)
    vi.stubEnv('XNAT_HOST', 'https://home.example.org')
    vi.stubEnv('XNAT_USER', 'home')
    expect((await settled('--listing-ttl', '7')).flags).toMatchObject({
      url: 'https://home.example.org',
      user: 'home',
      listingTtl: 7,
    })
    expect((await settled('--profile', 'lab')).flags).toMatchObject({
      url: 'https://lab.example.org',
      user: 'lab',
      readOnly: true,
    })
    expect((await settled('--profile', 'lab', '--user', 'me')).flags.user).toBe('me')
  })

  it('does not take XNAT_USER to another server than XNAT_HOST', async () => {
    vi.stubEnv('XNAT_HOST', 'https://home.example.org')
    vi.stubEnv('XNAT_USER', 'home')
    expect((await settled('--url', 'https://other.example.org')).flags.user).toBeUndefined()
    expect((await settled('--url', 'https://home.example.org/')).flags.user).toBe('home')
  })

  it.each([
    ['listing-ttl = "soon"', /listing-ttl: 'soon' is not a number/],
    ['cache = "no"', /cache: "no" is neither true nor false/],
    ['driver = "fast"', /driver: 'fast' is none of its values; write one of auto, /],
    ['frobnicate = 1', /config\.toml: 'frobnicate' is no option; remove it, or write one of url, /],
    ['lissting-ttl = 1', /: 'lissting-ttl' is no option; write 'listing-ttl' if that is meant, or remove it/],
    ['cahce-size = 1', /; write 'cache-size' if/],
    ['read_only = true', /; write 'read-only' if/],
    ['no-cache = true', /'no-cache' is no option; write cache = false/],
    ['password = "x"', /passwords do not belong there, .*; remove it, and run `xnatfs login`/],
    ['url = [', /config\.toml: is no TOML.*; mend it/],
  ])('says what is wrong with %j', async (content, reason) => {
    await write(content)
    await expect(settled()).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(reason),
    })
  })

  it('says which profiles there are', async () => {
    await expect(settled('--profile', 'lab')).rejects.toThrow(/has no \[profile\.lab\]; add it there/)
    await write(text)
    await expect(settled('--profile', 'la')).rejects.toThrow(
      /has no \[profile\.la\]; choose one that it has \(lab\)/,
    )
  })

  it('may have any option of mount', () => {
    const options = addOptions(new Command(), 'mount').options.flatMap(({ long }) => long ?? [])
    const keys = configKeys().map((key) => (options.includes(`--${key}`) ? `--${key}` : `--no-${key}`))
    expect(options.filter((long) => !keys.includes(long))).toEqual([
      '--password-stdin',
      '--profile',
      '--foreground',
    ])
  })
})
