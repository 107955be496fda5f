import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { chooseDriver } from '../../fuse/choose-driver.js'
import type { DriverChoice } from '../../fuse/choose-driver.js'
import { isOnPath, probeFuseDevice } from '../../fuse/fuse-device.js'
import type { MountFlags } from '../flags.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

/** What is looked at of a machine; a parameter for tests of broken ones. */
export interface Machine {
  readonly fuseDevice: string
  readonly fuseConf: string
  /** As uname says it. */
  readonly kernel: string
  readonly isRoot: boolean
  readonly choose: (wish: MountFlags['driver']) => Promise<DriverChoice>
}

export function thisMachine(): Machine {
  return {
    fuseDevice: '/dev/fuse',
    fuseConf: '/etc/fuse.conf',
    kernel: release(),
    isRoot: process.getuid!() === 0,
    choose: chooseDriver,
  }
}

export async function checkMachine(machine: Machine, flags: MountFlags): Promise<Finding[]> {
  const choice = await machine.choose(flags.driver)
  return [
    await checkDevice(machine),
    await checkHelper(machine),
    await checkAllowOther(machine, flags.allowOther ?? false),
    checkDriver(choice),
    checkKernel(machine, choice, flags),
  ]
}

async function checkDevice({ fuseDevice }: Machine): Promise<Finding> {
  const trouble = await probeFuseDevice(fuseDevice)
  return trouble ? fail('/dev/fuse', trouble.reason, trouble.remedy) : ok('/dev/fuse', 'can be opened')
}

async function checkHelper({ isRoot }: Machine): Promise<Finding> {
  const name = 'fusermount3'
  if (await isOnPath(name)) return ok(name, 'is there')
  const remedy = 'install it: `apt-get install fuse3`'
  return isRoot
    ? warn(name, 'is not there: a mount whose process dies stays behind as a dead one', remedy)
    : fail(name, 'is not there, and only root mounts without it', remedy)
}

async function checkAllowOther({ fuseConf, isRoot }: Machine, isWanted: boolean): Promise<Finding> {
  const name = 'user_allow_other'
  const text = await readFile(fuseConf, 'utf8').catch(() => '')
  if (/^\s*user_allow_other\s*$/m.test(text)) return ok(name, `is set in ${fuseConf}`)
  if (isRoot) return ok(name, `is not set in ${fuseConf}, and root needs it not`)
  return isWanted
    ? fail(
        name,
        `is not set in ${fuseConf}, so --allow-other is refused`,
        `have root add the line user_allow_other to ${fuseConf}`,
      )
    : ok(name, `is not set in ${fuseConf}; only --allow-other needs it`)
}

function checkDriver(choice: DriverChoice): Finding {
  if (!choice.driver) return fail('driver', choice.reason, choice.remedy)
  const text = `${choice.driver.name}: ${choice.why}`
  return choice.driver.name === 'libfuse3'
    ? ok('driver', text)
    : warn(
        'driver',
        text,
        'build the fast one with `npm run build:native`, or mount with --driver libfuse3 to see why not',
      )
}

/** Since which Linux there is what makes mounts fast. */
const readdirplusSince = [3, 9] as const
const largeReadsSince = [4, 20] as const
const passthroughSince = [6, 9] as const

function checkKernel(
  { kernel, isRoot }: Machine,
  choice: DriverChoice,
  { readOnly, kernelOpen }: MountFlags,
): Finding {
  const has = ([major, minor]: readonly [number, number]): boolean => {
    const [a = 0, b = 0] = kernel.split('.').map(Number.parseFloat)
    return a > major || (a === major && b >= minor)
  }
  const name = 'kernel features'
  const newer = 'use a newer kernel'
  if (!has(readdirplusSince))
    return warn(name, `Linux ${kernel}: neither listings with attributes nor reads of 1 MiB`, newer)
  if (!has(largeReadsSince))
    return warn(
      name,
      `Linux ${kernel}: listings with attributes (readdirplus), but reads of 128 KiB only`,
      newer,
    )
  if (!choice.driver)
    return ok(name, `Linux ${kernel}: listings with attributes (readdirplus), reads of 1 MiB`)
  if (choice.driver.name !== 'libfuse3')
    return warn(
      name,
      `Linux ${kernel} has listings with attributes and reads of 1 MiB, and this driver uses neither`,
      'use the driver libfuse3',
    )
  const whyNot = !has(passthroughSince)
    ? 'for want of Linux 6.9'
    : isRoot
      ? !readOnly
        ? 'because the mount is not --read-only'
        : kernelOpen
          ? 'because of --kernel-open'
          : undefined
      : 'because it is for root only'
  const passthrough = whyNot === undefined ? 'passthrough of cached files' : `no passthrough (${whyNot})`
  return ok(name, `Linux ${kernel}: listings with attributes (readdirplus), reads of 1 MiB, ${passthrough}`)
}
