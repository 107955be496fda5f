import { link, readlink, rename, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { Server } from 'node:net'
import { hasErrorCode } from '../util/fs-error.js'
import { socketOf } from './directories.js'
import { CliError, exitCodes } from './exit.js'

/**
 * Of two mounts that begin at the same time at one place, lets one go on: the kernel would put one above the other, and
 * nobody could ask for the lower one any more. Another mount namespace, as of a container, has places of its own.
 * @returns ends the turn: from then on the place shows that it is taken
 * @throws CliError when it is another's
 */
export async function takeTurn(mountpoint: string): Promise<() => void> {
  const namespace = await readlink('/proc/self/ns/mnt').catch(() => '')
  const path = await socketOf(`${namespace} ${mountpoint}`, 'turn')
  const server = createServer((socket) => socket.destroy())
  while (!(await isBound(server, path))) {
    if ((await isAnswered(path)) || !(await clearAway(path))) throw another(mountpoint)
  }
  return () => void server.close() // which removes the socket's name too
}

/** A socket is its owner's as long as he lives; then its name is still there. */
function isBound(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown): void =>
      hasErrorCode(error, 'EADDRINUSE') ? resolve(false) : reject(error)
    server.once('error', failed)
    server.listen(path, () => {
      server.off('error', failed)
      resolve(true)
    })
  })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', () => resolve(false))
  })
}

/** @returns false where somebody was faster, and what was to be cleared away is his */
async function clearAway(path: string): Promise<boolean> {
  const aside = path.replace(/\.turn$/, process.pid.toString(36)) // no longer: sockets have short paths
  try {
    await rename(path, aside)
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return true
    throw error
  }
  const isAlive = await isAnswered(aside)
  if (isAlive) await link(aside, path).catch(() => {}) // a third one has bound it
  await rm(aside, { force: true })
  return !isAlive
}

function another(mountpoint: string): CliError {
  return new CliError(exitCodes.failure, {
    thing: mountpoint,
    reason: 'another xnatfs is just being mounted there',
    nextStep: 'wait until it is, and see `xnatfs mounts`',
  })
}
