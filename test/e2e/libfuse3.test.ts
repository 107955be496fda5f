import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, assert, beforeEach, describe, expect, it, vi } from 'vitest'
import { listMounts, mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { DriverProcess } from '../support/driver-process.js'
import type { Figures } from '../support/driver-process.js'
import { run, shell } from '../support/processes.js'

type Stats = Readonly<Record<string, number>>

let folder: string
let path: string
let driver: DriverProcess
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xnatfs-driver-'))
  path = join(folder, 'mnt')
  await mkdir(path)
  driver = await DriverProcess.start()
})
afterEach(async () => {
  await driver.stop()
  try {
    // Whatever the test did.
    await vi.waitFor(async () => assert.deepEqual(await mountsLeft(), []), { timeout: 5000, interval: 50 })
  } finally {
    for (const left of await mountsLeft()) await unmount(left, { lazy: true })
  }
  await rm(folder, { recursive: true })
})

const mountsLeft = async (): Promise<string[]> =>
  (await listMounts())
    .map(({ mountpoint }) => mountpoint)
    .filter((mountpoint) => mountpoint.startsWith(folder))
const stats = (): Promise<Stats> => driver.ask<Stats>('stats', path)
/** What the driver's process has more of than before. */
const leftBehind = async (before: Figures): Promise<readonly string[]> => {
  const { descriptors, threads, children } = await driver.ask<Figures>('figures')
  const counts = [`${descriptors - before.descriptors} descriptors`, `${threads - before.threads} threads`]
  return [...counts.filter((count) => Number.parseInt(count, 10) > 0), ...children]
}
const readsInFlight = async (): Promise<number> => {
  const { read, inFlight } = await stats()
  return Math.min(read!, inFlight!)
}
const isMounted = async (): Promise<boolean> => (await mountAt(path)) !== undefined
const python = (script: string): Promise<string> =>
  shell(`python3 -c '${script}' 2>&1`, { env: { MNT: path } })

describe('requests', () => {
  it('ls -l and find -size of 10,000 entries ask for no entry by itself', async () => {
    await driver.ask('mount', path)
    await driver.ask('fill', path, 'many', 10_000)
    const listed = await shell(`ls -l ${path}/many | wc -l; find ${path}/many -size -1000c | wc -l`)
    expect(listed.split('\n').slice(0, 2)).toEqual(['10001', '10001'])
    const { lookup, getattr, readdirplus } = await stats()
    expect([lookup! < 10, getattr! < 10, readdirplus! > 20, readdirplus! < 2000]).toEqual([
      true,
      true,
      true,
      true,
    ])
    const { lookups } = await driver.ask<{ lookups: number }>('held', path)
    expect(lookups).toBeGreaterThanOrEqual(10_000)
  })

  it('extended attributes that there are none of are answered without JavaScript', async () => {
    await driver.ask('mount', path, {}, [['f', 'x', { xattrs: { 'user.xnat.id': '7' } }]])
    await shell(`ls -l ${path} >/dev/null; for name in security.capability system.posix_acl_access user.other; do
      getfattr -n $name ${path}/f 2>/dev/null && exit 1; done; true`)
    const before = await stats()
    expect([before['getxattr'], before['setattr']]).toEqual([0, 0])
    expect(await shell(`getfattr --only-values -n user.xnat.id ${path}/f`)).toBe('7')
    expect((await stats())['getxattr']).toBeGreaterThan(0)
    expect(await python('import os; print(os.listxattr(os.environ["MNT"] + "/f"))')).toBe(
      "['user.xnat.id']\n",
    )
  })

  it('what the kernel forgets is forgotten: lookup counts and handles come back to nothing', async () => {
    await driver.ask('mount', path)
    await driver.ask('fill', path, 'many', 500)
    await shell(`ls -lR ${path} >/dev/null && cat ${path}/many/* | wc -c`)
    await shell('sync; echo 2 > /proc/sys/vm/drop_caches')
    await expect
      .poll(() => driver.ask('held', path), { timeout: 10_000 })
      .toMatchObject({ lookups: 0, handles: 0 })
  })

  it('are of up to 1 MiB', async () => {
    await driver.ask('mount', path)
    await shell(`dd if=/dev/zero of=${path}/big bs=8M count=1 status=none && cat ${path}/big | wc -c`)
    const { write, read, bytesWritten, copiedWrites } = await stats()
    expect([write, bytesWritten, copiedWrites]).toEqual([8, 8 * 1024 * 1024, 0])
    expect(read).toBeLessThanOrEqual(20)
  })

  it('many writers at once find their bytes', async () => {
    await driver.ask('mount', path)
    await shell(
      `for i in $(seq 24); do head -c 3000000 /dev/urandom > ${folder}/r$i; cp ${folder}/r$i ${path}/w$i & done; wait; for i in $(seq 24); do cmp ${folder}/r$i ${path}/w$i || exit 1; done`,
    )
    expect((await stats())['inFlight']).toBe(0)
  })

  it('that the driver answers by itself have the right errors', async () => {
    await driver.ask('mount', path, {}, [
      ['f', 'some bytes'],
      ['g', 'others'],
    ])
    const said = await python(`
import os, errno, ctypes, fcntl, array
m = os.environ["MNT"]
libc = ctypes.CDLL(None, use_errno=True)
def code(action):
    try:
        action()
        return "none"
    except OSError as e:
        return errno.errorcode[e.errno]
def renameat2(a, b, flags):
    if libc.renameat2(-100, (m + a).encode(), -100, (m + b).encode(), flags) != 0:
        raise OSError(ctypes.get_errno(), "")
def fallocate(mode):
    if libc.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(4096)) != 0:
        raise OSError(ctypes.get_errno(), "")
fd = os.open(m + "/f", os.O_RDWR)
print(code(lambda: renameat2("/f", "/g", 1)), code(lambda: renameat2("/f", "/g", 2)))
print(code(lambda: fallocate(3)), code(lambda: fcntl.ioctl(fd, 0x80086601, array.array("l", [0]))))
print(code(lambda: os.getxattr(m + "/f", "user.x")), code(lambda: os.mkfifo(m + "/fifo")))
print(code(lambda: os.getxattr(m + "/f", "security.selinux")), code(lambda: os.getxattr(m + "/f", "system.posix_acl_access")))
print(code(lambda: os.symlink("f", m + "/link")), code(lambda: os.link(m + "/f", m + "/link")))
print(code(lambda: os.stat((m + "/").encode() + b"\\xff")), code(lambda: os.mkdir((m + "/").encode() + b"\\xff")))
print(code(lambda: os.stat(m + "/" + "x" * 256)), os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE))
os.lseek(fd, 0, os.SEEK_SET)
print(os.copy_file_range(fd, os.open(m + "/g", os.O_WRONLY), 10), open(m + "/g").read())
os.mknod(m + "/regular")
print(os.stat(m + "/regular").st_size, code(lambda: os.open(m + "/f", os.O_CREAT | os.O_EXCL)))
fallocate(0)
os.posix_fallocate(os.open(m + "/f", os.O_WRONLY), 1000, 4000)
os.posix_fallocate(fd, 0, 100)
print(os.fstat(fd).st_size, os.statvfs(m).f_bavail > 1000)
os.utime(m + "/f", ns=(1600000000123456000, 1600000001654321000))
print(os.stat(m + "/f").st_atime_ns, os.stat(m + "/f").st_mtime_ns)
`)
    expect(said.trim().split('\n')).toEqual([
      'EEXIST EINVAL',
      'ENOTSUP ENOTTY',
      'ENODATA EPERM',
      'ENOTSUP ENOTSUP',
      'EPERM EPERM',
      'ENOENT EILSEQ',
      'ENAMETOOLONG 0 10',
      '10 some bytes',
      '0 EEXIST',
      '5000 True',
      '1600000000123456000 1600000001654321000',
    ])
  })
})

describe('what the kernel has cached', () => {
  it('is kept across opens of one version, and dropped at the open of another', async () => {
    await driver.ask('mount', path, {}, [['f', 'version one']])
    for (let i = 0; i < 3; i++) expect(await readFile(join(path, 'f'), 'utf8')).toBe('version one')
    expect((await stats())['read']).toBe(1)
    await driver.ask('put', path, 'f', 'version two', { version: 2 })
    expect(await readFile(join(path, 'f'), 'utf8')).toBe('version two')
    expect((await stats())['read']).toBe(2)
  })

  it('is dropped or taken when the driver says so, also while a request of the same file is stuck', async () => {
    await driver.ask('mount', path, {}, [
      ['f', 'old'],
      ['stuck', 'x'.repeat(9000), { isStuck: true }],
    ])
    expect(await readFile(join(path, 'f'), 'utf8')).toBe('old')
    const ino = await driver.ask<number>('put', path, 'f', 'new')
    expect(await readFile(join(path, 'f'), 'utf8')).toBe('old')
    await driver.ask('drop', path, 'dropPages', ino)
    await expect.poll(() => readFile(join(path, 'f'), 'utf8')).toBe('new')
    await driver.ask('store', path, ino, 'NEW')
    await expect.poll(() => readFile(join(path, 'f'), 'utf8')).toBe('NEW')

    const reader = spawn('cat', [join(path, 'stuck')])
    try {
      await expect.poll(readsInFlight).toBeGreaterThan(0)
      const stuckIno = await driver.ask<number>('put', path, 'stuck', 'answered', { isStuck: true })
      await driver.ask('drop', path, 'dropPages', stuckIno)
      expect((await stats())['notifications']).toBe(3) // JavaScript goes on
      await driver.ask('answerStuck', path)
    } finally {
      reader.kill('SIGKILL')
    }
  })

  it('loses a name', async () => {
    await driver.ask('mount', path, {}, [['f', 'x']])
    expect(await readFile(join(path, 'f'), 'utf8')).toBe('x')
    const before = await stats()
    expect(await readFile(join(path, 'f'), 'utf8')).toBe('x')
    expect((await stats())['lookup']).toBe(before['lookup'])
    await driver.ask('drop', path, 'dropName', 1, 'f')
    await expect
      .poll(async () => {
        await readFile(join(path, 'f'))
        return (await stats())['lookup']
      })
      .toBeGreaterThan(before['lookup']!)
  })
})

describe('passthrough', () => {
  it('lets the kernel read a file that is on this machine', async () => {
    const backing = join(folder, 'backing')
    const text = 'bytes of the cache '.repeat(100_000)
    await writeFile(backing, text)
    await driver.ask('mount', path, { isReadOnly: true }, [['f', text, { backingPath: backing }]])
    const file = await open(join(path, 'f'))
    const again = await open(join(path, 'f'))
    try {
      expect((await file.readFile('utf8')) === text).toBe(true)
      expect((await again.readFile('utf8')) === text).toBe(true)
      const { hasPassthrough, passthroughOpens, read } = await stats()
      if (hasPassthrough === 1) expect([passthroughOpens, read]).toEqual([2, 0])
      else expect(read).toBeGreaterThan(0)
      // Another version while the old one is held by the kernel: neither the old bytes nor a mixture.
      const other = join(folder, 'other')
      await writeFile(other, text.toUpperCase())
      await driver.ask('put', path, 'f', text.toUpperCase(), { version: 2, backingPath: other })
      if (hasPassthrough === 1)
        await expect(open(join(path, 'f'))).rejects.toMatchObject({ errno: -constants.errno.ESTALE })
      await rm(backing)
      const part = Buffer.alloc(10)
      await file.read(part, 0, 10, 19)
      if (hasPassthrough === 1) expect(part.toString()).toBe('bytes of t')
    } finally {
      await file.close()
      await again.close()
    }
    await expect.poll(async () => (await driver.ask<{ handles: number }>('held', path)).handles).toBe(0)
    expect((await readFile(join(path, 'f'), 'utf8')) === text.toUpperCase()).toBe(true)
  })
})

describe('the end of a mount', () => {
  it('of 200 mounts leaves no descriptor, no thread, no process and no memory behind', async () => {
    await driver.ask('cycle', path, 100) // so that the allocator has what it takes
    const before = await driver.ask<Figures>('figures')
    await driver.ask('cycle', path, 200)
    await expect.poll(() => leftBehind(before)).toEqual([])
    expect((await driver.ask<Figures>('figures')).residentKiB - before.residentKiB).toBeLessThan(32 * 1024)
    expect(await isMounted()).toBe(false)
  })

  it('leaves other mounts of the process alone', async () => {
    const other = join(folder, 'other')
    await mkdir(other)
    await driver.ask('mount', path, {}, [['f', 'one']])
    await driver.ask('mount', other, {}, [['f', 'two']])
    expect([await readFile(join(path, 'f'), 'utf8'), await readFile(join(other, 'f'), 'utf8')]).toEqual([
      'one',
      'two',
    ])
    await driver.ask('end', path)
    expect(await isMounted()).toBe(false)
    expect(await readFile(join(other, 'f'), 'utf8')).toBe('two')
  })

  it('comes by kill -9, also while a program uses it', async () => {
    await driver.ask('mount', path, {}, [['f', 'x']])
    const file = await open(join(path, 'f'))
    driver.process.kill('SIGKILL')
    await expect.poll(isMounted, { timeout: 10_000 }).toBe(false)
    await file.close()
    expect(await readdir(path)).toEqual([])
  })

  it('comes by process.exit()', async () => {
    await driver.ask('mount', path)
    driver.tell('exit')
    await expect.poll(isMounted, { timeout: 10_000 }).toBe(false)
    await expect.poll(() => driver.process.exitCode).toBe(0)
  })

  it('comes by process.exit() with a request that is stuck', async () => {
    await driver.ask('mount', path, {}, [['stuck', 'x', { isStuck: true }]])
    const reader = run('cat', [join(path, 'stuck')])
    await expect.poll(readsInFlight).toBeGreaterThan(0)
    driver.tell('exit')
    expect((await reader).code).toBe(1)
    await expect.poll(isMounted, { timeout: 10_000 }).toBe(false)
    await expect.poll(() => driver.process.exitCode).toBe(0)
  })

  it('lets those go who wait, and takes a late answer for none', async () => {
    await driver.ask('mount', path, {}, [['stuck', 'x', { isStuck: true }]])
    const reader = run('cat', [join(path, 'stuck')])
    await expect.poll(readsInFlight).toBeGreaterThan(0)
    await driver.ask('end', path)
    expect((await reader).code).toBe(1)
    await driver.ask('answerStuck', path)
    expect(await isMounted()).toBe(false)
    expect((await driver.ask<Stats>('stats', path))['lateReplies']).toBeGreaterThan(0)
  })

  it('comes by umount -f over a request that is stuck', async () => {
    await driver.ask('mount', path, {}, [['stuck', 'x', { isStuck: true }]])
    const reader = run('cat', [join(path, 'stuck')])
    await expect.poll(readsInFlight).toBeGreaterThan(0)
    await run('umount', ['-f', path]) // busy, as long as the reader has not seen that it is over
    expect((await reader).code).toBe(1)
    await driver.ask('closed', path)
    await driver.ask('end', path)
    expect(await isMounted()).toBe(false)
  })

  it('comes by a lazy unmount; who still has a file open goes on until the driver ends', async () => {
    await driver.ask('mount', path, {}, [['f', 'still here']])
    const file = await open(join(path, 'f'))
    try {
      await unmount(path, { lazy: true })
      await driver.ask('closed', path)
      const bytes = Buffer.alloc(5)
      await file.read(bytes, 0, 5, 0)
      expect(bytes.toString()).toBe('still')
      await driver.ask('end', path)
      await expect(file.stat()).rejects.toMatchObject({
        code: expect.stringMatching(/ENOTCONN|ECONNABORTED/),
      })
    } finally {
      await file.close().catch(() => {}) // of a connection that is gone
    }
    const { children, threads } = await driver.ask<Figures>('figures')
    expect([children, threads < 20]).toEqual([[], true])
  })
})

describe('a program that gives up', () => {
  it('is let go, and the operation hears of it', async () => {
    await driver.ask('mount', path, {}, [['slow', 'x'.repeat(100), { isSlow: true }]])
    // O_DIRECT: the reads of the page cache are the kernel's own, which nobody interrupts.
    const reader = spawn('dd', [`if=${join(path, 'slow')}`, 'iflag=direct', 'of=/dev/null'], {
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => reader.once('exit', (_, signal) => resolve(signal)))
    await expect.poll(readsInFlight).toBeGreaterThan(0)
    reader.kill('SIGTERM')
    expect(await ended).toBe('SIGTERM')
    await expect.poll(() => driver.ask('held', path)).toMatchObject({ interrupts: 1, handles: 0 })
    expect((await stats())['inFlight']).toBe(0)
  })
})

describe('a mount that cannot be', () => {
  it('says why, and leaves nothing behind', async () => {
    await driver.ask('cycle', path, 1)
    const before = await driver.ask<Figures>('figures')
    await expect(driver.ask('mount', join(folder, 'none'))).rejects.toThrow(/none: No such file or directory/)
    await expect.poll(() => leftBehind(before)).toEqual([])
  })
})
