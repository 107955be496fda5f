// What the subjects of a row work with: servers, samples, folders, and the programs that are measured.
import { mkdtempSync, readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { measure } from './measure.mjs'
import { dropCaches, syncDisks, useMemory } from './page-cache.mjs'
import { shell } from './processes.mjs'
import { XnatfsMount } from './xnatfs-mount.mjs'

export class Bench {
  /** True in the first round of a row: what was read and written is compared with what should be there. */
  isChecked = false
  /** Folders of files to write, by name; made when first asked for. */
  sources = {}

  /** @param parts program, folder, sizes, sets, signal; server and, where rclone is, webdav */
  constructor(parts) {
    Object.assign(this, parts)
  }

  newFolder() {
    return mkdtempSync(join(this.folder, 'run-'))
  }

  /**
   * Gives the space of a folder back, while its files stay until the end: for minutes after thousands of files have been
   * deleted, ext4 is slow to make new ones, and whoever is measured next would pay for it.
   */
  remove(path) {
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) truncateSync(join(entry.parentPath, entry.name))
    }
  }

  shell(line, variables = {}) {
    this.signal.throwIfAborted()
    return shell(line, variables, this.signal)
  }

  /** Of a command that asks the embedded XNAT without a mount. */
  measure(command) {
    return measure(command, { counter: this.server.counter })
  }

  /** Of a command that asks nobody. */
  measureLocal(command) {
    return measure(command)
  }

  mount(directory, flags) {
    this.signal.throwIfAborted()
    return XnatfsMount.start(this.program, this.server, directory, flags)
  }

  dropCaches() {
    dropCaches()
  }

  syncDisks() {
    syncDisks()
  }

  useMemory(bytes) {
    useMemory(bytes)
  }
}
