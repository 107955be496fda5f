import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository, shell } from './processes.js'

/** What `npm pack` made, once for all tests of a run: packing takes longer than most of them. */
export interface Packed {
  readonly path: string
  readonly files: readonly { readonly path: string }[]
}

/** Names the folder that the global set-up has made, and removes at the end. */
export const sharedFolder = 'XNATFS_TEST_SHARED'

export async function packedOnce(): Promise<Packed> {
  const folder = process.env[sharedFolder]
  if (folder === undefined)
    throw new Error(`${sharedFolder} is not set: is test/support/build.ts the set-up?`)
  const record = join(folder, 'packed.json')
  const isThere = await access(record).then(
    () => true,
    () => false,
  )
  if (isThere) return JSON.parse(await readFile(record, 'utf8')) as Packed
  const command = `scripts/build-native --prebuilt && npm pack --ignore-scripts --json --pack-destination ${folder}`
  const said = await shell(command, { cwd: repository, timeoutMs: 300_000 })
  const [made] = JSON.parse(said.slice(said.indexOf('['))) as { filename: string; files: Packed['files'] }[]
  const packed = { path: join(folder, made!.filename), files: made!.files }
  await writeFile(record, JSON.stringify(packed))
  return packed
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
