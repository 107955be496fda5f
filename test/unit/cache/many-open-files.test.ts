import { expect, it } from 'vitest'
import { blockSizeBytes, found, putWhole, testFile, useTestCaches } from '../../support/disk-cache.js'

const caches = useTestCaches()
const files = Array.from({ length: 200 }, (_, i) => testFile(`many/${i}`, blockSizeBytes + 1))

it('more files are read at once than are kept open', async () => {
  const first = caches.start()
  for (const file of files) await putWhole(first, file)
  const second = caches.start()
  const blocks = await Promise.all(files.map((file) => found(second, file)))
  expect(second.lines).toEqual([])
  expect(blocks).toEqual(files.map(() => [0, 1]))
})
