import type { Command } from 'commander'
import { applyConfig } from './apply-config.js'
import { isForServer } from './credentials.js'
import { CliError, exitCodes } from './exit.js'
import { parseServerUrl } from './server-url.js'

/** Options as they are when flags, environment and configuration file have had their say. */
export async function settleOptions(command: Command): Promise<void> {
  takeUrl(command)
  await applyConfig(command)
  const url: unknown = command.getOptionValue('url')
  if (typeof url !== 'string' || command.getOptionValueSource('user') !== 'env') return
  if (!isForServer(parseServerUrl(url), process.env)) command.setOptionValue('user', undefined)
}

/** `xnatfs mount URL DIRECTORY` is `xnatfs mount --url URL DIRECTORY`. */
function takeUrl(command: Command): void {
  if (command.name() !== 'mount' || command.args.length < 2) return
  const [url, , ...more] = command.args
  if (more.length > 0) {
    const reason = `${command.args.length} arguments are too many`
    const nextStep = 'give a URL and a directory, or a directory'
    throw new CliError(exitCodes.usage, { thing: 'mount', reason, nextStep })
  }
  command.setOptionValueWithSource('url', url, 'cli')
}
