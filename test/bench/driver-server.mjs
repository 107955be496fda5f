// Serves the bench's tree by one of the drivers: driver-server.mjs DRIVER MOUNTPOINT [writable|read-only|kernel-open].
// Says `ready`.
import { FuseNativeDriver } from '../../dist/fuse/fuse-native-driver.js'
import { Libfuse3Driver } from '../../dist/fuse/libfuse3-driver.js'
import { MemoryOperations } from '../support/memory-operations.mjs'

const mib = 1024 * 1024
const pattern = Buffer.alloc(2 * mib, 'the pattern of the bench')
const smallBytes = 100 * 1024

class BenchOperations extends MemoryOperations {
  constructor(backing) {
    super()
    for (let i = 0; i < 10_000; i++)
      this.put(`small/file-${i}`, pattern.subarray(0, smallBytes), { isRepeatable: true })
    this.big = this.put('big', { length: 1024 * mib }, backing ? { backingPath: backing } : {})
    this.sink = this.put('sink', { length: 0 })
  }
  setattr(ino, changes) {
    if (ino !== this.sink || changes.sizeBytes === undefined) return super.setattr(ino, changes)
    this.nodes.get(ino).bytes = { length: changes.sizeBytes }
    return super.getattr(ino)
  }
  read(handle, offset, lengthBytes, signal) {
    const node = this.handles.get(handle)
    if (node.ino !== this.big) return super.read(handle, offset, lengthBytes, signal)
    const length = Math.max(0, Math.min(lengthBytes, node.bytes.length - offset))
    return pattern.subarray(offset % mib, (offset % mib) + length)
  }
  write(handle, offset, bytes) {
    pattern.set(bytes.subarray(0, mib), mib)
    const node = this.handles.get(handle)
    if (offset + bytes.length > node.bytes.length) node.bytes = { length: offset + bytes.length }
    return 0
  }
}

const [name, mountpoint, mode, backing] = process.argv.slice(2)
const driver = name === 'libfuse3' ? new Libfuse3Driver() : new FuseNativeDriver()
const { closed, end } = await driver.mount(new BenchOperations(backing), {
  mountpoint,
  source: 'bench',
  isReadOnly: mode !== 'writable',
  allowOther: false,
  entryTimeoutMs: 60_000,
  negativeTimeoutMs: 0,
  heldBytes: 16 * 1024 * 1024,
  opensUntold: mode === 'kernel-open',
})
process.stdout.write('ready\n')
await closed
await end?.()
process.exit(0)
