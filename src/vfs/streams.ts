import type { Archive } from '../archive/archive.js'
import { GrowingSource } from '../data/growing-source.js'
import type { LocalFile } from './local-file.js'

/** Smaller files are sent when they are closed: until then nobody knows whether they will be deleted or renamed. */
const thresholdBytes = 32 * 1024 * 1024
/** Tomcat closes a connection that says nothing for 20 s. */
const idleMs = 10_000

export interface StreamsOptions {
  readonly archive: Pick<Archive, 'startStore'>
  /** Whether files are to be on the server when they are closed. */
  readonly isEnabled: boolean
}

/** Begins to send big files while they are written, so that their close() has not to wait for all of it. */
export class Streams {
  readonly #options: StreamsOptions

  constructor(options: StreamsOptions) {
    this.#options = options
  }

  /** To be called after each write. */
  observe(local: LocalFile): void {
    const { archive, isEnabled } = this.#options
    const { staging, node } = local
    if (!isEnabled || local.stream.hasBegun || !(staging.sequentialBytes >= thresholdBytes)) return
    const { parent, name } = node
    // What the file replaces is still longer, perhaps, or lies elsewhere: the ordinary way knows what to do.
    if (!parent || node.isRemoved || local.staysHere || !staging.isComplete || local.origin) return
    const source = new GrowingSource({ path: staging.path, idleMs })
    const started = archive.startStore(parent.directory, name, local.replaces, source)
    if (!started) return
    staging.follow(source)
    local.stream.begin(started, source)
  }
}
