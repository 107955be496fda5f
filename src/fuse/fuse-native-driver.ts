import { createRequire } from 'node:module'
import type Fuse from 'fuse-native'
import type { DriverProbe, FuseDriver, FuseMount, FuseOperations, MountOptions } from './driver.js'
import { isOnPath, probeFuseDevice, unavailable } from './fuse-device.js'
import { sleep } from '../util/sleep.js'
import { correctUtimens } from './fuse-native-utimens.js'
import { raiseReadAhead } from './kernel-read-ahead.js'
import { mountAt, unmount, unmounted } from './mountpoint.js'
import { PathOperations } from './path-operations.js'

/** libfuse 2.9 cannot have the kernel forget: its answers, given by several threads, are waited for until they are taken up. */
const longestTakeUpMs = 100

/**
 * The npm package fuse-native: libfuse 2.9, by path, every request through JavaScript. Portable, and slower than a
 * driver of our own. It offers few of libfuse's options, but passes on whatever stands in `fsname`.
 */
export class FuseNativeDriver implements FuseDriver {
  readonly name = 'fuse-native'

  readonly opensApart = false

  readonly canOpenUntold = false

  backsFromBytes(): number {
    return Infinity
  }

  async probe(): Promise<DriverProbe> {
    const trouble = await probeFuseDevice()
    if (trouble) return trouble
    if (!(await isOnPath('fusermount'))) {
      return unavailable('the program fusermount is not there', 'install it: `apt-get install fuse3`')
    }
    try {
      loadFuse()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return message.includes('libfuse')
        ? unavailable('the library libfuse.so.2 is not there', 'install it: `apt-get install libfuse2`')
        : unavailable(`the npm package fuse-native cannot be loaded (${message})`, 'run `npm ci` again')
    }
    return { isAvailable: true }
  }

  async mount(operations: FuseOperations, options: MountOptions): Promise<FuseMount> {
    const FuseNative = loadFuse()
    const fuse = new FuseNative(options.mountpoint, new PathOperations(operations).table(), {
      fsname: mountSource(options),
      subtype: 'xnatfs',
      allowOther: options.allowOther,
      // Pages stay while size and time of a file stay; asked at every open (0), not after a time.
      autoCache: true,
      acAttrTimeout: '0',
      attrTimeout: seconds(options.entryTimeoutMs),
      entryTimeout: seconds(options.entryTimeoutMs),
      // A large upload takes its time. PathOperations sees to it that each request is answered once.
      timeout: false,
    })
    correctUtimens(fuse)
    try {
      await new Promise<void>((resolve, reject) => {
        fuse.mount((error) => (error ? reject(error) : resolve()))
      })
    } catch (cause) {
      // fuse-native leaves a dead mount behind when libfuse refuses an option after mounting.
      if ((await mountAt(options.mountpoint))?.fsType.startsWith('fuse')) await unmount(options.mountpoint)
      throw new Error(explain(cause, options.mountpoint), { cause })
    }
    const mounted = await mountAt(options.mountpoint)
    if (!mounted) throw new Error(`${options.mountpoint} is not mounted, though libfuse said so`)
    await raiseReadAhead(mounted.device)
    return { closed: unmounted(mounted.id), settle: () => sleep(longestTakeUpMs) }
  }
}

function loadFuse(): typeof Fuse {
  return createRequire(import.meta.url)('fuse-native') as typeof Fuse
}

/** The device name, and behind it the options that fuse-native does not know. */
function mountSource(options: MountOptions): string {
  const extra = [
    'big_writes', // 128 KiB a request instead of 4
    'use_ino',
    `negative_timeout=${seconds(options.negativeTimeoutMs)}`,
    'max_background=64',
    'nosuid',
    'nodev',
    ...(options.isReadOnly ? ['ro'] : []),
    ...(options.allowOther ? ['default_permissions'] : []),
  ]
  return [options.source.replace(/[,\\]/g, '_'), ...extra].join(',')
}

function seconds(ms: number): string {
  return String(ms / 1000)
}

function explain(error: unknown, mountpoint: string): string {
  const message = error instanceof Error ? error.message : String(error)
  if (message.includes('Mountpoint in use')) {
    return `${mountpoint} lies on another device than its parent directory, which the driver fuse-native refuses`
  }
  if (message.includes('fuse failed')) {
    return `the kernel refused the mount on ${mountpoint} (is fusermount set-uid, and what is in /etc/fuse.conf?)`
  }
  return message
}
