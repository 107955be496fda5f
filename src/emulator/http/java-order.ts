/**
 * The order in which a Java HashMap hands out its keys. XNAT writes JSON rows from one, so the order on the wire is
 * neither that of the columns nor the alphabet's, yet always the same (xnat-wire.md §2.1).
 */

function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

/** Smallest power of two that holds `count` keys at HashMap's load factor of 0.75, starting from 16. */
function hashMapCapacity(count: number): number {
  let capacity = 16
  while (count > capacity * 0.75) capacity *= 2
  return capacity
}

/** Keys in the iteration order of a java.util.HashMap filled in the order given. */
export function hashMapOrder(keys: readonly string[], minimumCapacity = 16): string[] {
  const unique = [...new Set(keys)]
  const mask = Math.max(hashMapCapacity(unique.length), minimumCapacity) - 1
  const bucket = (key: string): number => {
    const hash = javaHash(key)
    return (hash ^ (hash >>> 16)) & mask
  }
  // Entries of one bucket keep the order of insertion; Array.prototype.sort is stable.
  return unique
    .map((key) => [bucket(key), key] as const)
    .sort((a, b) => a[0] - b[0])
    .map(([, key]) => key)
}
