import { createHash } from 'node:crypto'
import { chmod, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { causeChain } from '../util/log.js'
import { makeDirectories } from '../util/make-directories.js'
import { CliError, exitCodes } from './exit.js'
import { ownUid, runtimeHome, xdgDirectory } from './home-directory.js'

/** Where the bytes of files being written, unsent files and logs are kept. */
export function stateDirectory(): string {
  return join(xdgDirectory('XDG_STATE_HOME', '.local/state'), 'xnatfs')
}

/** The system cuts what is longer, without a word. */
const longestSocketPath = 107

/** Where the sockets of running mounts are. */
function runtimeDirectory(): string {
  const runtime = runtimeHome()
  return runtime === undefined ? join(tmpdir(), `xnatfs-${ownUid()}`) : join(runtime, 'xnatfs')
}

/** A directory for this user's eyes only. @throws CliError when it belongs to somebody else */
export async function privateDirectory(path: string): Promise<string> {
  const variable = path.startsWith(stateDirectory()) ? 'XDG_STATE_HOME' : 'XDG_RUNTIME_DIR'
  await makeDirectories(path, { mode: 0o700 }).catch((cause: unknown) => {
    const reason = `cannot be made a directory: ${causeChain(cause)}`
    const nextStep = `set ${variable} to a directory of your own`
    throw new CliError(exitCodes.failure, { thing: path, reason, nextStep }, { cause })
  })
  const { uid, mode } = await stat(path)
  if (uid !== ownUid()) {
    throw new CliError(exitCodes.failure, {
      thing: path,
      reason: 'belongs to another user',
      nextStep: `remove it, or set ${variable} to a directory of your own`,
    })
  }
  if ((mode & 0o077) !== 0) await chmod(path, 0o700)
  return path
}

/** The socket on which the mount at this path listens. */
export function controlSocket(mountpoint: string): Promise<string> {
  return socketOf(mountpoint, 'sock')
}

/** A socket of this user alone, for something of this name. */
export async function socketOf(what: string, ending: 'sock' | 'turn'): Promise<string> {
  const directory = await privateDirectory(runtimeDirectory())
  const name = createHash('sha256').update(what).digest('hex').slice(0, 16)
  const path = join(directory, `${name}.${ending}`)
  if (Buffer.byteLength(path) <= longestSocketPath) return path
  throw new CliError(exitCodes.failure, {
    thing: path,
    reason: `is too long for a socket, whose path has ${longestSocketPath} bytes`,
    nextStep: 'set XDG_RUNTIME_DIR to a shorter path',
  })
}

/** The log of the mount at this path. */
export async function defaultLogFile(mountpoint: string): Promise<string> {
  const directory = await privateDirectory(join(stateDirectory(), 'log'))
  return join(directory, `${mountpoint.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^-/, '')}.log`)
}
