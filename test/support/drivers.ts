import { driverNames } from '../../src/fuse/driver.js'

/** Every driver that a mount can have. `scripts/setup test` makes a machine on which all of them work. */
export const drivers = driverNames.filter((name) => name !== 'auto')
