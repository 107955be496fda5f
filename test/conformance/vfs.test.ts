import { startLocalVfs } from '../support/local-vfs.js'
import { Server } from '../support/server.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'
import { runChecks } from './run-checks.js'

runChecks('the file system without a kernel', async () => {
  const server = await Server.start()
  const local = await startLocalVfs(server)
  return {
    fs: vfsFileSystem(local.vfs),
    server,
    stop: async () => {
      await local.stop()
      await server.stop()
    },
  }
})
