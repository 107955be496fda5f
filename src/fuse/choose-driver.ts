import type { DriverName, FuseDriver } from './driver.js'
import { FuseNativeDriver } from './fuse-native-driver.js'
import { Libfuse3Driver } from './libfuse3-driver.js'

export type DriverChoice =
  | { readonly driver: FuseDriver; /** Why it is this one. */ readonly why: string }
  | { readonly driver: undefined; readonly reason: string; readonly remedy: string }

/** The driver that was asked for; of both the faster one that works here. */
export async function chooseDriver(wish: DriverName): Promise<DriverChoice> {
  if (wish !== 'auto') {
    const driver = wish === 'libfuse3' ? new Libfuse3Driver() : new FuseNativeDriver()
    const probe = await driver.probe()
    return probe.isAvailable ? { driver, why: 'as asked' } : { driver: undefined, ...probe }
  }
  const fast = new Libfuse3Driver()
  const fastProbe = await fast.probe()
  if (fastProbe.isAvailable) return { driver: fast, why: 'the faster one' }
  const portable = new FuseNativeDriver()
  const probe = await portable.probe()
  return probe.isAvailable
    ? { driver: portable, why: `${fastProbe.reason}; ${fastProbe.remedy}` }
    : { driver: undefined, ...probe }
}
