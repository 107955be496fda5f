import { exitCodes } from '../exit.js'
import type { ExitCode } from '../exit.js'
import { findLogIn } from '../find-log-in.js'
import type { DoctorFlags } from '../flags.js'
import { parseServerUrl } from '../server-url.js'
import { findingText, warn } from './finding.js'
import type { Finding } from './finding.js'
import { checkDirectories } from './local-checks.js'
import { checkMachine, thisMachine } from './machine-checks.js'
import { checkServer } from './server-checks.js'

/** `xnatfs doctor`: what a mount with the same options would meet. */
export async function doctorCommand(flags: DoctorFlags): Promise<ExitCode> {
  const findings = [
    ...(await checkMachine(thisMachine(), flags)),
    ...(await checkDirectories(flags)),
    ...(await serverFindings(flags)),
  ]
  process.stdout.write(
    flags.json ? `${JSON.stringify(findings, undefined, 2)}\n` : `${findings.map(findingText).join('\n')}\n`,
  )
  return findings.some(({ verdict }) => verdict === 'fail') ? exitCodes.failure : exitCodes.success
}

async function serverFindings(flags: DoctorFlags): Promise<Finding[]> {
  if (!flags.url) return [warn('server', 'none was named', 'give --url or set XNAT_HOST')]
  const url = parseServerUrl(flags.url)
  return checkServer({ url, flags, now: Date.now, findLogIn: () => findLogIn(url, flags) })
}
