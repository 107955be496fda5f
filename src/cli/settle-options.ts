import type { Command } from 'commander'
import { applyConfig } from './apply-config.js'
import { isForServer } from './credentials.js'
import { parseServerUrl } from './server-url.js'

/** Options as they are when flags, environment and configuration file have had their say. */
export async function settleOptions(command: Command): Promise<void> {
  await applyConfig(command)
  const url: unknown = command.getOptionValue('url')
  if (typeof url !== 'string' || command.getOptionValueSource('user') !== 'env') return
  if (!isForServer(parseServerUrl(url), process.env)) command.setOptionValue('user', undefined)
}
