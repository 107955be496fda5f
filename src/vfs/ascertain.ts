import type { Archive, FileEntry } from '../archive/archive.js'
import type { SizedFile } from '../data/sized-file.js'
import type { FileReaders } from '../data/file-readers.js'
import { FsError } from '../util/fs-error.js'
import { sizeOf } from './attributes.js'
import type { Namespace } from './namespace.js'
import type { Node } from './node.js'

export interface AscertainOptions {
  readonly archive: Archive
  readonly readers: FileReaders
  readonly names: Namespace
}

/** Sees to it that the node is what the server has, where its listing does not say so. */
export async function ascertain(
  node: Node,
  { archive, readers, names }: AscertainOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (node.file?.isToldWhenOpened) node.adopt(await archive.told(node.file, signal))
  if (node.file && node.file.sizeBytes === undefined) {
    await readers.measure(node.file, signal)
    await names.refresh(node, signal)
  }
  const file = sizedFile(node.file)
  if (!file) return
  if (file.sizeBytes === 0) await readers.checkEmpty(file, signal)
  else await readers.recheck(file, signal)
  await names.refresh(node, signal)
}

/**
 * Brings a node that is to be opened up to date. By an ESTALE the kernel looks the name up anew, and opens what it finds once
 * more: what has to be asked about that is asked before, so that it is no second ESTALE.
 * @throws FsError ESTALE where the name is another file by now, or gone
 */
export async function refreshToOpen(
  node: Node,
  options: AscertainOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    if (node.isSetAside) throw removedMeanwhile(node)
    await options.names.refreshToOpen(node, signal)
  } catch (error) {
    await ascertainNamed(node, options, signal).catch(() => {}) // the second attempt tells of it
    throw error
  }
}

async function ascertainNamed(
  { parent, name }: Node,
  options: AscertainOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const now = parent && (await options.names.find(parent, name, signal))
  if (now && !now.local) await ascertain(now, options, signal)
}

/** Sees to it that the node is of the version that the kernel has looked up. @throws FsError ESTALE */
export async function ascertainSame(
  node: Node,
  { readers, names }: Pick<AscertainOptions, 'readers' | 'names'>,
  signal: AbortSignal | undefined,
): Promise<SizedFile> {
  const file = sizedFile(node.file)
  if (!file || node.isSetAside) throw removedMeanwhile(node)
  if (file.isMade) return file // whether the server would make the same is seen when it is asked for it
  await names.refreshToOpen(node, signal)
  await readers.recheck(file, signal)
  await names.refreshToOpen(node, signal)
  return file
}

export function sizedFile(file: FileEntry | undefined): SizedFile | undefined {
  return file && file.sizeBytes !== undefined ? { ...file, sizeBytes: file.sizeBytes } : undefined
}

/** Looked up before it was removed, and opened or cut afterwards: an ESTALE makes the kernel look the name up once more. */
export function removedMeanwhile({ path }: Node): FsError {
  return new FsError('ESTALE', `${path} was removed meanwhile`, { nextStep: 'look it up again' })
}

/** A handle is of an older version than what is there now. */
export function changedMeanwhile({ path }: Node): FsError {
  return new FsError('ESTALE', `${path} was changed on the server`, { nextStep: 'open it again' })
}

/** The kernel may believe the size of before. */
export function resizedMeanwhile({ path }: Node): FsError {
  return new FsError('ESTALE', `${path} has another size than before`, { nextStep: 'open it again' })
}

/**
 * The kernel believes the size it was last told, and would take a file that has grown for ended there. An ESTALE of
 * open() makes it look the name up anew and open it again.
 */
export function checkReported(node: Node): void {
  if (node.reportedSizeBytes !== undefined && node.reportedSizeBytes !== sizeOf(node))
    throw resizedMeanwhile(node)
}
