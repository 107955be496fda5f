import { join } from 'node:path'

/** The environment of a program that keeps everything below one folder, and asks no `.netrc` of the machine. */
export function ownDirectories(folder: string): Record<string, string> {
  return {
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_RUNTIME_DIR: folder,
    NETRC: '/dev/null',
  }
}
