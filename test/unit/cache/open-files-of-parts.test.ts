import { expect, it } from 'vitest'
import { nodeFs } from '../../../src/cache/cache-disk.js'
import type { CacheFs } from '../../../src/cache/cache-disk.js'
import { blockSizeBytes, putBlocks, testFile, useTestCaches } from '../../support/disk-cache.js'

const caches = useTestCaches()
const large = testFile('2/b.nii', 20 * blockSizeBytes + 1)

it('a part that a full disk has no room for leaves no file open', async () => {
  const open = new Set<unknown>()
  const full: CacheFs = {
    ...nodeFs,
    open: async (path, flags, mode) => {
      const handle = await nodeFs.open(path, flags, mode)
      if (!String(path).includes('/parts/')) return handle
      open.add(handle)
      const close = handle.close.bind(handle)
      handle.close = () => {
        open.delete(handle)
        return close()
      }
      handle.appendFile = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }))
      return handle
    },
  }
  const one = caches.start({ fs: full })
  await putBlocks(one, large, [0])
  expect(one.lines.join()).toContain('cannot write')
  expect(open.size).toBe(0)
})
