import type { Archive } from '../archive/archive.js'
import { FsError } from '../util/fs-error.js'
import type { Node } from './node.js'

/** What access(2) asks for. */
export const accessWrite = 2

/** @throws FsError where nothing may be written there, or made in it */
export function requireMayWrite(
  node: Node,
  { archive, isReadOnly }: { readonly archive: Pick<Archive, 'lacks'>; readonly isReadOnly: boolean },
): void {
  if (isReadOnly) throw new FsError('EROFS', `${node.path}: the mount is read-only`)
  if (!node.entry) return
  const lack =
    node.kind === 'directory'
      ? archive.lacks(node.entry, 'create') && archive.lacks(node.entry, 'make-directory')
      : archive.lacks(node.entry, 'write')
  if (!lack) return
  const { code, reason, nextStep = 'ask for the right to write there' } = lack
  throw new FsError(code === 'EROFS' ? 'EROFS' : 'EACCES', reason, { nextStep })
}
