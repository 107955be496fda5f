import { createHash } from 'node:crypto'
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrorCode } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import { makeDirectories } from '../util/make-directories.js'
import { privateDirectory, stateDirectory } from './directories.js'
import { CliError, exitCodes } from './exit.js'

/** A log-in that `xnatfs login` made: the alias token that stands for the password, which is stored nowhere. */
export interface StoredToken {
  readonly url: string
  readonly user: string
  readonly alias: string
  readonly secret: string
  readonly issuedMs: number
  readonly expiresMs: number
}

/** A file (0600) for each server and user in a directory (0700) of the state directory. */
export class TokenStore {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async open(): Promise<TokenStore> {
    return new TokenStore(await privateDirectory(join(stateDirectory(), 'tokens')))
  }

  async all(): Promise<StoredToken[]> {
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith('.json'))
    const tokens = await Promise.all(names.map((name) => this.#read(join(this.#directory, name))))
    return tokens.filter((token) => token !== undefined)
  }

  /** The log-in of a user at a server, or of whoever logged in there last. */
  async find(url: string, user?: string): Promise<StoredToken | undefined> {
    const candidates = (await this.all()).filter(
      (token) => token.url === url && (user === undefined || token.user === user),
    )
    return candidates.sort((a, b) => b.issuedMs - a.issuedMs)[0]
  }

  async put(token: StoredToken): Promise<void> {
    await makeDirectories(this.#directory, { mode: 0o700 })
    const path = this.#path(token)
    const temporary = `${path}.${process.pid}`
    try {
      await writeFile(temporary, JSON.stringify(token), { mode: 0o600, flag: 'wx' })
      await rename(temporary, path)
    } catch (cause) {
      await rm(temporary, { force: true })
      const nextStep = 'free some room there, or set XDG_STATE_HOME to a directory that can be written'
      const reason = `the token cannot be kept there: ${causeChain(cause)}`
      throw new CliError(exitCodes.failure, { thing: this.#directory, reason, nextStep }, { cause })
    }
  }

  async remove(token: StoredToken): Promise<void> {
    await rm(this.#path(token), { force: true })
  }

  #path({ url, user }: StoredToken): string {
    const name = createHash('sha256').update(`${url}\0${user}`).digest('hex').slice(0, 24)
    return join(this.#directory, `${name}.json`)
  }

  async #read(path: string): Promise<StoredToken | undefined> {
    try {
      if (((await stat(path)).mode & 0o077) !== 0) {
        throw new CliError(exitCodes.usage, {
          thing: path,
          reason: 'can be read by others',
          nextStep: `run \`chmod 600 ${path}\``,
        })
      }
      return JSON.parse(await readFile(path, 'utf8')) as StoredToken
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return undefined // logged out this moment
      if (error instanceof SyntaxError) {
        // Without its cause, which shows a part of the text.
        const nextStep = 'remove it and run `xnatfs login`'
        throw new CliError(exitCodes.failure, { thing: path, reason: 'is damaged', nextStep })
      }
      throw error
    }
  }
}
