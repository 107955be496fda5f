// The same random places for everybody.

/** Offsets of blocks of 4 KiB in a file. */
export function randomOffsets(sizeBytes, count) {
  let state = 1n
  return Array.from({ length: count }, () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n) // Knuth's MMIX generator
    return Number((state >> 20n) % BigInt(Math.floor(sizeBytes / 4096))) * 4096
  })
}
