import type { Bundle, FileEntry } from '../archive/archive.js'
import { isSized } from './sized-file.js'
import type { SizedFile } from './sized-file.js'

/** How the rest of a directory is fetched: all by one request, or each file by its own, some at a time. */
export type PrefetchPlan =
  | { readonly kind: 'together'; readonly bundle: Bundle; readonly files: readonly SizedFile[] }
  | { readonly kind: 'singly'; readonly files: readonly SizedFile[] }

/** What need not be fetched. */
export interface CachedFiles {
  /** Known at once. */
  readonly isHere: (file: SizedFile) => boolean
  /** Of a file that is not known to be here: the disk is asked. */
  readonly isKept: (file: SizedFile) => Promise<boolean>
}

export interface PlanQuestion {
  /** The files of the directory in order. */
  readonly files: readonly FileEntry[]
  /** Files that are fetched in one piece, whatever part of them is asked for. */
  readonly isSmall: (file: SizedFile) => boolean
  readonly cached: CachedFiles
  readonly bundle: (files: readonly FileEntry[]) => Bundle | undefined
  /** What can be kept until it is read. */
  readonly roomBytes: number
}

/** For a handful of files the server need not pack an archive: they are all asked for at once. */
const fewFiles = 8
/** Larger files come faster by several connections than one after the other. */
const largeMeanBytes = 1024 * 1024
/** What an archive may bring beside what is wanted. */
const wasteFactor = 1.1

/** To ask the disk for each of many files takes its time: some of them tell whether it has any. */
const samples = 16

export async function planPrefetch(question: PlanQuestion): Promise<PrefetchPlan | undefined> {
  const { isSmall, cached, roomBytes } = question
  const small = question.files.filter(isSized).filter((file) => file.sizeBytes > 0 && isSmall(file))
  const files = await withoutCached(small, cached)
  if (files.length < 2) return undefined
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const isForArchive =
    files.length >= fewFiles &&
    sizeBytes / files.length <= largeMeanBytes &&
    sizeBytes <= roomBytes &&
    files.every(({ digest }) => digest !== undefined) // nothing else would prove what comes
  const bundle = isForArchive ? question.bundle(files) : undefined
  if (!bundle || bundle.sizeBytes > wasteFactor * sizeBytes) return { kind: 'singly', files }
  return { kind: 'together', bundle, files }
}

async function withoutCached(
  files: readonly SizedFile[],
  { isHere, isKept }: CachedFiles,
): Promise<readonly SizedFile[]> {
  const others = files.filter((file) => !isHere(file))
  const step = Math.ceil(others.length / samples)
  const sample = others.filter((_, i) => i % step === 0)
  const isAnyKept = (await Promise.all(sample.map(isKept))).includes(true)
  if (!isAnyKept) return others
  const areKept = await Promise.all(others.map(isKept))
  return others.filter((_, i) => !areKept[i])
}
