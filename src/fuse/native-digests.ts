import { crc32 as crc32Here } from 'node:zlib'
import { md5Here } from '../util/md5.js'
import type { Md5 } from '../util/md5.js'
import type { WholeFiles } from '../util/whole-files.js'
import type { NativeBinding } from './native-binding.js'

/** To hand fewer over takes longer than to digest them (measured: 30 µs, 7 µs for the MD5 of 4 KiB). */
const leastBytes = { md5: 32 * 1024, crc32: 128 * 1024 }

/** By a thread of libuv's pool, so that other things go on meanwhile. */
export function pooledMd5({ md5 }: Pick<NativeBinding, 'md5'>): Md5 {
  if (!md5) return md5Here
  return (pieces) =>
    sizeOf(pieces) < leastBytes.md5 ? md5Here(pieces) : md5(pieces).catch(() => md5Here(pieces))
}

export function pooledCrc32({ crc32 }: Pick<NativeBinding, 'crc32'>): WholeFiles['crc32'] {
  const here = (pieces: readonly Uint8Array[]): number[] => pieces.map((piece) => crc32Here(piece))
  if (!crc32) return here
  return (pieces) => (sizeOf(pieces) < leastBytes.crc32 ? here(pieces) : crc32(pieces))
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
