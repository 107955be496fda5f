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
  if (command.name() !== 'mount') return
  const [url, , ...more] = command.args
  const place = command.args.at(-1) ?? ''
  if (/^https?:\/\//i.test(place)) {
    const nextStep = 'write the URL first, and behind it the directory to mount it on'
    throw new CliError(exitCodes.usage, { thing: place, reason: 'is a URL and no directory', nextStep })
  }
  if (command.args.length < 2) return
  if (more.length > 0) {
    const reason = `${command.args.length} arguments are too many`
    const nextStep = 'give a URL and a directory, or a directory'
    throw new CliError(exitCodes.usage, { thing: 'mount', reason, nextStep })
  }
  command.setOptionValueWithSource('url', url, 'cli')
}
