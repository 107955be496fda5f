import { FsError } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { XnatError } from '../xnat/xnat-error.js'
import { CliError, exitCodes } from './exit.js'
import type { Refusal } from './exit.js'

/** What the user is told of any failure of a command. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error
  return new CliError(exitCodes.failure, refusalOf(error), { cause: error })
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof XnatError)
    return { thing: error.url ?? 'server', reason: error.reason, nextStep: error.nextStep }
  if (error instanceof FsError)
    return { thing: 'archive', reason: error.reason, nextStep: error.nextStep ?? 'look whether it is there' }
  const { code, path, syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (code !== undefined && syscall !== undefined && /^E[A-Z]+$/.test(code)) {
    const nextStep = nextStepOf[code] ?? 'see whether it is there, and yours'
    return { thing: path ?? syscall, reason: causeChain(error), nextStep }
  }
  return {
    thing: 'unexpected error',
    reason: causeChain(error),
    nextStep: 'please report it with what you did',
  }
}

/** What to do about an errno of the local system. */
const nextStepOf: Readonly<Record<string, string>> = {
  EACCES: 'have its owner let you in, or choose a place of your own',
  EADDRINUSE: 'choose another port',
  EDQUOT: 'free some of what your quota allows',
  EMFILE: 'raise the limit of open files (`ulimit -n`)',
  ENOSPC: 'free some room on that disk',
  EPERM: 'do it as root, or choose a place of your own',
  EROFS: 'choose a place that can be written',
}
