import type Fuse from 'fuse-native'

/** The number of utimens in fuse-native's table of operations. */
const utimens = 12

/**
 * Where the thread's locals (`fuse_thread_locals_t` in fuse-native.c) hold the two times on 64-bit Linux: ten pointers
 * and pointer-sized fields, the mode with its padding, the device, uid and gid come before them.
 */
const atimeOffset = 104
const mtimeOffset = 112

/**
 * fuse-native hands the access time over twice and the modification time not at all, which would make rsync copy
 * everything again for ever. The right one lies in the native struct that its handlers get as a Buffer; it is taken
 * from there if the access time beside it shows that the struct is what it is believed to be.
 */
export function correctUtimens(fuse: Fuse): void {
  const original = fuse._handlers[utimens]
  if (!original) return
  fuse._handlers[utimens] = (locals, operation, path, atimeLow, atimeHigh, mtimeLow, mtimeHigh) => {
    const times = timesIn(locals, Number(atimeLow) + Number(atimeHigh) * 2 ** 32)
    if (!times) return original(locals, operation, path, atimeLow, atimeHigh, mtimeLow, mtimeHigh)
    original(locals, operation, path, atimeLow, atimeHigh, times.mtimeLow, times.mtimeHigh)
  }
}

function timesIn(locals: Buffer, atimeMs: number): { mtimeLow: number; mtimeHigh: number } | undefined {
  if (locals.length < mtimeOffset + 8) return undefined
  if (Number(locals.readBigUInt64LE(atimeOffset)) !== atimeMs) return undefined
  return {
    mtimeLow: locals.readUInt32LE(mtimeOffset),
    mtimeHigh: locals.readUInt32LE(mtimeOffset + 4),
  }
}
