import { userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { configPath } from '../../../src/cli/config-file.js'
import { stateDirectory } from '../../../src/cli/directories.js'
import { cacheRoot } from '../../../src/cli/mount-cache.js'

afterEach(() => vi.unstubAllEnvs())

it.each([undefined, '', 'here', './here'])(
  'HOME=%j does not put everything where somebody happens to be',
  (home) => {
    vi.stubEnv('HOME', home)
    for (const variable of ['XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(variable, '')
    const { homedir } = userInfo()
    expect([stateDirectory(), configPath(), cacheRoot(undefined)]).toEqual([
      join(homedir, '.local/state/xnatfs'),
      join(homedir, '.config/xnatfs/config.toml'),
      join(homedir, '.cache/xnatfs'),
    ])
  },
)

it('an XDG variable that is no whole path does not count', () => {
  vi.stubEnv('HOME', '/home/jane')
  vi.stubEnv('XDG_STATE_HOME', 'state')
  vi.stubEnv('XDG_CACHE_HOME', '/scratch')
  expect([stateDirectory(), cacheRoot(undefined)]).toEqual([
    '/home/jane/.local/state/xnatfs',
    '/scratch/xnatfs',
  ])
})
