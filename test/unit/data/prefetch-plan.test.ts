import { describe, expect, it } from 'vitest'
import type { SizedFile } from '../../../src/data/sized-file.js'
import { planPrefetch } from '../../../src/data/prefetch-plan.js'
import type { PlanQuestion } from '../../../src/data/prefetch-plan.js'
import { ResourceSource } from '../../support/resource-source.js'
import type { ResourceSourceOptions } from '../../support/resource-source.js'

interface Case extends Partial<ResourceSourceOptions> {
  /** How many of the first files are in memory, and of those after them on the disk. */
  readonly cached?: number
  readonly onDisk?: number
  readonly roomBytes?: number
  readonly change?: (file: SizedFile) => SizedFile
}

async function planOf({
  cached = 0,
  onDisk = 0,
  roomBytes = 1e9,
  change = (file) => file,
  ...options
}: Case): Promise<string> {
  const source = new ResourceSource({ count: 100, sizeBytes: 1000, ...options })
  const files = source.files.map(change)
  const question: PlanQuestion = {
    files,
    isSmall: ({ sizeBytes }) => sizeBytes <= 10_000_000,
    cached: {
      isHere: (file) => files.indexOf(file) < cached,
      isKept: (file) => Promise.resolve(files.indexOf(file) < cached + onDisk),
    },
    bundle: (wanted) => source.bundle(source.surroundings.directory, wanted),
    roomBytes,
  }
  const plan = await planPrefetch(question)
  return plan ? `${plan.kind} ${plan.files.length}` : 'nothing'
}

describe('planPrefetch', () => {
  it.each<[string, string, Case]>([
    ['together 100', 'small files', {}],
    ['singly 7', 'a handful', { count: 7 }],
    ['nothing', 'what is all here', { cached: 100 }],
    ['nothing', 'what is nearly all here', { cached: 99 }],
    ['together 95', 'what is mostly not here', { cached: 5, otherBytes: 5000 }],
    ['nothing', 'what is all on the disk', { onDisk: 100 }],
    ['singly 60', 'what is partly on the disk', { cached: 10, onDisk: 30, otherBytes: 40_000 }],
    ['singly 50', 'what is half here', { cached: 50, otherBytes: 50_000 }],
    ['singly 100', 'more than there is room for', { roomBytes: 99_999 }],
    ['together 100', 'just what there is room for', { roomBytes: 100_000 }],
    ['singly 8', 'large files', { count: 8, sizeBytes: 1_100_000 }],
    ['nothing', 'files that are read in parts', { count: 8, sizeBytes: 11_000_000 }],
    ['singly 100', 'files without digests', { change: (file) => ({ ...file, digest: undefined }) }],
    ['nothing', 'empty files', { change: (file) => ({ ...file, sizeBytes: 0 }) }],
    ['singly 100', 'a server that sends none together', { canBundle: false }],
  ])('%s: %s', async (expected, _, options) => expect(await planOf(options)).toBe(expected))
})
