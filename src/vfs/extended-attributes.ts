import type { Archive } from '../archive/archive.js'
import type { Node } from './node.js'

/** What extended attributes of a mount are called. Others there are none, and a driver need not ask for them. */
export const xattrPrefix = 'user.xnat.'

/**
 * What the listings have told of a file or directory beside its attributes, by name. Nobody is asked for it: programs
 * look for extended attributes of everything that they meet.
 */
export function extendedAttributesOf(node: Node, archive: Archive): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  if (!node.entry) return attributes
  for (const [name, value] of Object.entries(archive.facts(node.entry))) {
    // What was written here is other bytes than those that the server has.
    if (name === 'digest' && node.local?.isDirty()) continue
    attributes.set(xattrPrefix + name, value)
  }
  return attributes
}
