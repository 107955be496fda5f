import { causeChain } from '../util/log.js'
import { CliError, exitCodes } from './exit.js'

/** Why a driver could not mount, in words of fusermount3, libfuse or the kernel, and what to do about it. */
export function mountFailure(mountpoint: string, cause: unknown): CliError {
  const said = causeChain(cause)
  const reason = `cannot be mounted on: ${said}`
  const nextStep =
    remedies.find(([words]) => words.test(said))?.[1] ?? '`xnatfs doctor` looks at what is missing'
  return new CliError(exitCodes.failure, { thing: mountpoint, reason, nextStep }, { cause })
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /allow_other/,
    'have root add the line user_allow_other to /etc/fuse.conf, or mount without --allow-other',
  ],
  [/fusermount3 cannot be started/, 'install it: `apt-get install fuse3`'],
  [/another device than its parent/, 'choose a directory inside it'],
  [
    /permi(tted|ssion)|no write|owner|refused the mount/i,
    'mount on a directory of your own; a container wants --device /dev/fuse --cap-add SYS_ADMIN',
  ],
]
