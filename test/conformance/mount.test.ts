import { Mount } from '../support/mount.js'
import { mountedFileSystem } from '../support/mounted-file-system.js'
import { Server } from '../support/server.js'
import { runChecks } from './run-checks.js'

runChecks('a mount by fuse-native', async () => {
  const server = await Server.start()
  const mount = await Mount.start(server)
  return {
    fs: mountedFileSystem('fuse-native', mount.path),
    server,
    stop: async () => {
      await mount.stop([/EPERM|EINVAL|EBUSY/])
      await server.stop()
    },
  }
})
