import { Mount } from '../support/mount.js'
import { mountedFileSystem } from '../support/mounted-file-system.js'
import { OtherServer } from '../support/other-server.js'
import { runChecks } from './run-checks.js'

/** The server that tells least: what was stored can be proved by reading it back only. */
runChecks('a mount by fuse-native of a server without sizes and digests behind a bad proxy', async () => {
  const server = await OtherServer.start({
    checksums: false,
    sizes: false,
    proxy: ['ranges', 'lengths', 'gzip'],
  })
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
