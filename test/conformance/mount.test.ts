import { drivers } from '../support/drivers.js'
import { Mount } from '../support/mount.js'
import { mountedFileSystem } from '../support/mounted-file-system.js'
import { Server } from '../support/server.js'
import { runChecks } from './run-checks.js'

for (const driver of drivers) {
  runChecks(`a mount by ${driver}`, async () => {
    const server = await Server.start()
    const mount = await Mount.start(server, { flags: ['--driver', driver] })
    return {
      fs: mountedFileSystem(driver, mount.path),
      server,
      stop: async () => {
        await mount.stop([/EPERM|EINVAL|EBUSY/])
        await server.stop()
      },
    }
  })
}
