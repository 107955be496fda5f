import type { Command } from 'commander'
import { isForServer } from './credentials.js'
import { parseServerUrl } from './server-url.js'

/** What commander cannot know of options before their command runs. */
export function settleOptions(command: Command): void {
  const url: unknown = command.getOptionValue('url')
  if (typeof url !== 'string' || command.getOptionValueSource('user') !== 'env') return
  if (!isForServer(parseServerUrl(url), process.env)) command.setOptionValue('user', undefined)
}
