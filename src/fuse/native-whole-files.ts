import { getSystemErrorName } from 'node:util'
import type { WholeFiles } from '../util/whole-files.js'
import { pooledCrc32 } from './native-digests.js'
import type { NativeBinding } from './native-binding.js'

/** What the addon says of a failure. */
interface NativeFailure {
  readonly errno: number
  readonly syscall: string
  readonly path: string
}

/** By the addon: a thread of libuv's pool does it all. */
export function wholeFiles(binding: NativeBinding): WholeFiles {
  const { readWhole, putWhole, areThere } = binding
  return {
    read: (path, companion, pieces, touchBeforeMs) =>
      readWhole(path, companion, pieces, touchBeforeMs).catch(fail),
    put: (files) => putWhole(files).catch(fail),
    areThere,
    crc32: pooledCrc32(binding),
  }
}

function fail(failure: NativeFailure): never {
  const { errno, syscall, path } = failure
  const code = getSystemErrorName(-errno)
  throw Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, errno: -errno, syscall, path })
}
