// A process that mounts file systems in memory by the driver libfuse3, as it is told over IPC: a process must not use
// its own mounts.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Libfuse3Driver } from '../../dist/fuse/libfuse3-driver.js'
import { unmount } from '../../dist/fuse/mountpoint.js'
import { MemoryOperations } from './memory-operations.mjs'

const driver = new Libfuse3Driver()
const mounts = new Map()
const defaults = {
  source: 'memory',
  isReadOnly: false,
  allowOther: false,
  entryTimeoutMs: 60_000,
  negativeTimeoutMs: 0,
  heldBytes: 16 * 1024 * 1024,
}

function ownFigures() {
  globalThis.gc()
  const status = readFileSync('/proc/self/status', 'utf8')
  const number = (field) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)[1])
  const children = execFileSync('ps', ['-o', 'stat=,comm=', '--ppid', String(process.pid)], {
    encoding: 'utf8',
  })
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: number('Threads'),
    residentKiB: number('VmRSS'),
    children: children.split('\n').filter((line) => line !== '' && !line.endsWith(' ps')),
  }
}

const commands = {
  async mount(mountpoint, options = {}, files = []) {
    const operations = new MemoryOperations()
    for (const [path, text, facts] of files) operations.put(path, Buffer.from(text), facts)
    const mount = await driver.mount(operations, { ...defaults, ...options, mountpoint })
    mounts.set(mountpoint, { operations, mount })
  },
  fill(mountpoint, directory, count) {
    for (let i = 0; i < count; i++)
      mounts.get(mountpoint).operations.put(`${directory}/file-${i}.dcm`, Buffer.alloc(i % 9))
  },
  put: (mountpoint, path, text, facts) =>
    mounts.get(mountpoint).operations.put(path, Buffer.from(text), facts),
  /** JavaScript does nothing else, from when the first file is there until the second is. */
  putLate(mountpoint, path, text, facts, begun, go) {
    writeFileSync(begun, '')
    while (!existsSync(go));
    mounts.get(mountpoint).operations.put(path, Buffer.from(text), facts)
  },
  foretell: (mountpoint, ...parameters) => mounts.get(mountpoint).operations.foretellOf(...parameters),
  told: (mountpoint) => mounts.get(mountpoint).operations.told,
  stats: (mountpoint) => mounts.get(mountpoint).mount.stats(),
  drop: (mountpoint, what, ...parameters) => mounts.get(mountpoint).mount.cache[what](...parameters),
  store: (mountpoint, ino, text) => mounts.get(mountpoint).mount.cache.storePages(ino, 0, Buffer.from(text)),
  held(mountpoint) {
    const { nodes, handles, interrupts } = mounts.get(mountpoint).operations
    const lookups = [...nodes.values()].reduce((sum, node) => sum + (node.ino === 1 ? 0 : node.lookups), 0)
    return { lookups, handles: handles.size, interrupts }
  },
  answerStuck(mountpoint) {
    for (const answer of mounts.get(mountpoint).operations.stuck) answer()
  },
  end: (mountpoint) => mounts.get(mountpoint).mount.end(),
  closed: (mountpoint) => mounts.get(mountpoint).mount.closed,
  async cycle(mountpoint, count) {
    for (let i = 0; i < count; i++) {
      const mount = await driver.mount(new MemoryOperations(), { ...defaults, mountpoint })
      if (i % 2 === 0) await unmount(mountpoint)
      await (i % 2 === 0 ? mount.closed : mount.end())
      await mount.end()
    }
  },
  figures: ownFigures,
  exit: () => process.exit(0),
}

process.on('message', async ({ id, command, parameters }) => {
  try {
    const result = await commands[command](...parameters)
    process.send({ id, result: result ?? null })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.send({ id: 0 })
