import { Mount } from '../support/mount.js'
import { mountedFileSystem } from '../support/mounted-file-system.js'
import { Server } from '../support/server.js'
import { runChecks } from './run-checks.js'
import type { Subject } from './run-checks.js'

/** What is not on the server, or not sent yet, and that a file keeps its number when it is written anew. */
const ofOneMountOnly = [
  'size and bytes are visible while a file is being written',
  'folders nest, exist while empty, and hold files',
  'the folder of a file that another client put is there, and outlives its last file',
  'a backup by rename, a new file and the removal of the backup end as one new version',
  'times and modes that are set stay',
  'the time of a write stays when the file is stored',
  'inode numbers are stable',
  'names that a URL or a shell finds hard are kept',
]

/** What one mount changes is read in another one, in which the kernel opens files without telling. */
const start = async (): Promise<Subject> => {
  const server = await Server.start()
  const writing = await Mount.start(server, { flags: ['--driver', 'libfuse3'] })
  const flags = ['--driver', 'libfuse3', '--read-only', '--kernel-open', '--listing-ttl', '0']
  const reading = await Mount.start(server, { flags })
  const writer = mountedFileSystem('written', writing.path)
  const reader = mountedFileSystem('read', reading.path)
  return {
    fs: {
      ...writer,
      list: (path) => reader.list(path),
      stat: (path) => reader.stat(path),
      readlink: (path) => reader.readlink(path),
      open: (path, mode) => (mode === 'r' ? reader : writer).open(path, mode),
    },
    server,
    stop: async () => {
      await reading.stop([/ESTALE/])
      await writing.stop([/EPERM|EINVAL|EBUSY/])
      await server.stop()
    },
  }
}

runChecks('a mount with --kernel-open', start, ofOneMountOnly)
