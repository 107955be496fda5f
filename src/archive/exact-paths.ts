import { FsError } from '../util/fs-error.js'
import type { XnatClient } from '../xnat/client.js'
import { decodesPaths, exactPath } from '../xnat/wire-path.js'
import type { FileEntry } from './archive.js'
import { filePlaceOf } from './layout.js'

/** URL paths that name one stored file to a server that is to change it. */
export class ExactPaths {
  readonly #client: XnatClient
  /** Asked only where it matters. */
  #decodesPaths: boolean | undefined

  constructor(client: XnatClient) {
    this.#client = client
  }

  /** @throws FsError EBUSY when a change of this file cannot be told to the server without doubt */
  async of(file: FileEntry): Promise<string> {
    const { storedPath } = filePlaceOf(file)
    let exact = exactPath(storedPath)
    if (exact !== exactPath(storedPath, false)) {
      this.#decodesPaths ??= decodesPaths(await this.#client.version())
      exact = exactPath(storedPath, this.#decodesPaths)
    }
    if (exact !== undefined) return exact
    throw new FsError('EBUSY', `no URL names '${storedPath}' alone`, {
      nextStep: 'change or delete it on the server',
    })
  }
}
