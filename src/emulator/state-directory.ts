import { readFileSync } from 'node:fs'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { dir as temporaryDirectory } from 'tmp-promise'
import { makeDirectories } from '../util/make-directories.js'
import { codeOf } from './unknown.js'

/** Says that a folder belongs to the embedded XNAT, so that nobody's own files are ever taken for an archive. */
const MARKER = '.xnatfs-emulator'
const LOCK = 'emulator.lock'
/** What a folder may hold besides the marker when it is first used. */
const HARMLESS = new Set([LOCK, MARKER, 'lost+found'])

export interface StateDirectory {
  readonly path: string
  readonly archive: string
  readonly prearchive: string
  /** Files of users on their way into the archive. */
  readonly cache: string
  readonly temporary: string
  /** Gives the folder free, and removes it if it was a temporary one. */
  release(): Promise<void>
}

/** Opens a state directory, or makes a temporary one; refuses one that is in use or that is something else. */
export async function openStateDirectory(given: string | undefined): Promise<StateDirectory> {
  const path =
    given === undefined ? (await temporaryDirectory({ prefix: 'xnatfs-emulator-' })).path : resolve(given)
  await makeDirectories(path)
  await claim(path)
  try {
    await checkContent(path)
    const temporary = join(path, 'tmp')
    await rm(temporary, { recursive: true, force: true })
    const folders = {
      archive: join(path, 'archive'),
      prearchive: join(path, 'prearchive'),
      cache: join(path, 'cache'),
      temporary,
    }
    for (const folder of Object.values(folders)) await makeDirectories(folder)
    await writeFile(join(path, MARKER), 'State of the embedded XNAT of xnatfs. Safe to delete as a whole.\n')
    return {
      path,
      ...folders,
      release: async () => {
        if (given === undefined) await rm(path, { recursive: true, force: true })
        else await rm(join(path, LOCK), { force: true })
      },
    }
  } catch (error) {
    await rm(join(path, LOCK), { force: true })
    throw error
  }
}

async function checkContent(path: string): Promise<void> {
  const names = await readdir(path)
  if (names.includes(MARKER) || names.every((name) => HARMLESS.has(name))) return
  throw new Error(
    `${path} holds files that are not the embedded XNAT's; give an empty folder as state directory`,
  )
}

/** A process is told from another of the same number by when it began. */
function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; the start time is the 20th field after it.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return undefined
  }
}

async function claim(path: string): Promise<void> {
  const lock = join(path, LOCK)
  const mine = processIdentity(process.pid) ?? String(process.pid)
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(lock, mine, { flag: 'wx' })
      return
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    const owner = (await readFile(lock, 'utf8').catch(() => '')).trim()
    const pid = Number(owner.split(' ')[0])
    if (pid > 0 && processIdentity(pid) === owner) {
      throw new Error(
        `${path} is in use by another embedded XNAT (process ${pid}); stop it, or give another state directory`,
      )
    }
    // Whoever held it was killed.
    await rm(lock, { force: true })
  }
  throw new Error(`${path} cannot be locked; remove ${lock} if no embedded XNAT uses the folder`)
}
