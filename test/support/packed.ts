import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository, shell } from './processes.js'

/** What `npm pack` made, once for all tests of a run: packing takes longer than most of them. */
export interface Packed {
  readonly path: string
  readonly files: readonly { readonly path: string }[]
}

/** Names the folder that the global set-up has made, and removes at the end. */
export const sharedFolder = 'XNATFS_TEST_SHARED'

/** Files of tests that run at the same time wait for the one that packs. */
const packUnlessPacked = `
exec 9> "$SHARED/lock"
flock 9
[ ! -e "$SHARED/packed.json" ] || exit 0
scripts/build-native --prebuilt
npm pack --ignore-scripts --json --pack-destination "$SHARED" > "$SHARED/packed.new"
mv "$SHARED/packed.new" "$SHARED/packed.json"`

export async function packedOnce(): Promise<Packed> {
  const folder = process.env[sharedFolder]
  if (folder === undefined)
    throw new Error(`${sharedFolder} is not set: is test/support/build.ts the set-up?`)
  await shell(`set -e; ${packUnlessPacked}`, {
    cwd: repository,
    env: { SHARED: folder },
    timeoutMs: 300_000,
  })
  const said = await readFile(join(folder, 'packed.json'), 'utf8')
  const [made] = JSON.parse(said) as { filename: string; files: Packed['files'] }[]
  return { path: join(folder, made!.filename), files: made!.files }
}

/** Installs the package as its README says, with a prefix of its own, and without network. */
export function offlineNpm(prefix: string, home: string): Record<string, string> {
  return {
    npm_config_prefix: prefix,
    npm_config_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    npm_config_cache: join(home, '.npm'),
    npm_config_registry: 'http://127.0.0.1:9',
  }
}
