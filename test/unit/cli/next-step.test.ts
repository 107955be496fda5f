import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { askMount } from '../../../src/cli/ask-mount.js'
import { readSettings } from '../../../src/cli/config-file.js'
import { CliError } from '../../../src/cli/exit.js'
import { findMount } from '../../../src/cli/find-mount.js'
import { prepareMountpoint, resolveMountpoint } from '../../../src/cli/mount-point.js'
import { reachOf } from '../../../src/cli/server-access.js'
import { parseServerUrl, pathInArchive } from '../../../src/cli/server-url.js'
import { statusCommand } from '../../../src/cli/status-command.js'
import { umountCommand } from '../../../src/cli/umount-command.js'

/** The thing, the reason, and after them what to do. */
describe('a refusal of the program', () => {
  let folder: string
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'xnatfs-words-')))
    await writeFile(join(folder, 'file'), '')
    await writeFile(join(folder, 'none.toml'), '')
    await writeFile(join(folder, 'some.toml'), '[profile.lab]\nurl = "https://host"\n')
  })
  afterAll(() => rm(folder, { recursive: true }))
  afterEach(() => vi.unstubAllEnvs())
  const settings = (name: string) => (): unknown => readSettings(join(folder, name), 'other')

  it.each<[string, () => unknown, RegExp]>([
    ['of a protocol', () => parseServerUrl('ftp://host'), /'ftp:\/\/host'.*not ftp:; write it as https/],
    ['of a lone %', () => pathInArchive('https://host/data/a%zz'), /a%zz'.*%.*; write a % itself as %25/],
    ['of a profile where none is', settings('none.toml'), /none\.toml: has no .*other\]; add it there/],
    [
      'of a profile that is not there',
      settings('some.toml'),
      /some\.toml: has no .*; choose one that it has \(lab\), or add it/,
    ],
    ['of a configuration that is a folder', settings('.'), /EISDIR.*; make it a file .*, or remove it/],
    [
      'of a certificate file that is absent',
      () => reachOf('https://host', { caFile: join(folder, 'absent') }, {}),
      /--ca-file \/\S+absent: cannot be read: .*ENOENT.*; name a file with the certificate/,
    ],
    [
      'of a mountpoint below nothing',
      () => resolveMountpoint(join(folder, 'absent/xnat')),
      /absent: does not exist; check the path, or make it by `mkdir -p`/,
    ],
    [
      'of a mountpoint that is a file',
      () => prepareMountpoint(join(folder, 'file'), () => {}),
      /file: is no directory; take an empty directory, or a new one/,
    ],
    [
      'of a mountpoint where nothing can be made',
      () => prepareMountpoint('/proc/xnatfs', () => {}),
      /^\/proc\/xnatfs: cannot be made a directory: ENOENT.*; mount where you may write/,
    ],
    [
      'of a mountpoint that is in use',
      () => prepareMountpoint(folder, () => {}),
      /is not empty .*; take an empty or a new one/,
    ],
    ['of a path in no mount', () => findMount(folder), /is in no mount of xnatfs; `xnatfs mount` makes one/],
    [
      'to unmount what is not mounted',
      () => umountCommand(folder, {}),
      /: nothing is mounted there; `xnatfs mounts` shows what is mounted/,
    ],
    [
      'to ask what is not mounted',
      () => askMount(folder, { command: 'status' }),
      /: nothing of xnatfs is mounted there .*; `xnatfs mounts` shows what is mounted/,
    ],
    [
      'to show what is not mounted',
      () => statusCommand(undefined, {}),
      /mounts: this user has none of xnatfs; `xnatfs mount` makes one/,
    ],
  ])('%s names the thing, the reason and the next step', async (_, refuse, words) => {
    vi.stubEnv('XDG_RUNTIME_DIR', folder)
    vi.stubEnv('XDG_STATE_HOME', folder)
    const refusal = await Promise.resolve()
      .then(refuse)
      .catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(CliError)
    expect((refusal as CliError).message).toMatch(words)
  })
})
