import { readFile } from 'node:fs/promises'
import { startEmulator } from '../emulator/emulator.js'
import type { FaultRule, RunningEmulator } from '../emulator/emulator.js'
import { hasErrorCode } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import type { ServeFlags } from './flags.js'

/** `xnatfs serve`: the embedded XNAT, until a signal ends it. */
export async function serveCommand(flags: ServeFlags): Promise<ExitCode> {
  const emulator = await start(flags)
  const { url, user, password, readOnlyUser, readOnlyPassword } = emulator
  if (flags.json) {
    process.stdout.write(JSON.stringify({ url, user, password, readOnlyUser, readOnlyPassword }) + '\n')
  } else {
    process.stdout.write(
      `an XNAT of our own answers at ${url}\n` +
        `  may edit:  ${user} (password: ${password})\n` +
        `  may read:  ${readOnlyUser} (password: ${readOnlyPassword})\n` +
        `Mount it:  XNAT_PASS=${password} xnatfs mount ~/xnat --url ${url} --user ${user}\n` +
        `Ctrl-C ends it.\n`,
    )
  }
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
    process.once('SIGHUP', resolve)
  })
  await emulator.close()
  return exitCodes.success
}

async function start(flags: ServeFlags): Promise<RunningEmulator> {
  try {
    return await startEmulator({
      port: flags.port,
      latencyMs: flags.latencyMs,
      range: flags.range,
      faults: await readFaults(flags.faults),
      ...(flags.data !== undefined && { data: flags.data }),
      ...(flags.state !== undefined && { stateDirectory: flags.state }),
      ...(flags.bandwidthMbit !== undefined && { bandwidthMbit: flags.bandwidthMbit }),
    })
  } catch (error) {
    if (error instanceof CliError) throw error
    if (hasErrorCode(error, 'EADDRINUSE')) {
      const nextStep = 'give another --port, or 0 for a free one'
      const refusal = { thing: `--port ${flags.port}`, reason: 'another program has this port', nextStep }
      throw new CliError(exitCodes.failure, refusal, { cause: error })
    }
    const reason = `cannot begin: ${causeChain(error)}`
    const nextStep = 'check --port, --data and --state'
    throw new CliError(exitCodes.failure, { thing: 'serve', reason, nextStep }, { cause: error })
  }
}

async function readFaults(text: string | undefined): Promise<readonly FaultRule[]> {
  if (text === undefined) return []
  try {
    const json = text.startsWith('@') ? await readFile(text.slice(1), 'utf8') : text
    return JSON.parse(json) as FaultRule[]
  } catch (cause) {
    const nextStep = 'write them as docs/emulator.md shows'
    throw new CliError(exitCodes.usage, { thing: '--faults', reason: causeChain(cause), nextStep }, { cause })
  }
}
