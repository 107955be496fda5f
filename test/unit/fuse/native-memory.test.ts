import { expect, it } from 'vitest'
import { loadNativeBinding } from '../../../src/fuse/native-binding.js'

it('memory that is freed is empty, counted no more, and nothing else can be freed', () => {
  const { freeMemory } = loadNativeBinding()
  const before = process.memoryUsage().arrayBuffers
  const bytes = Buffer.allocUnsafeSlow(64 * 1024 * 1024)
  const part = bytes.subarray(10, 20)
  expect(process.memoryUsage().arrayBuffers).toBeGreaterThan(before + bytes.length / 2)
  freeMemory(bytes.buffer)
  expect([bytes.length, part.length, bytes.buffer.byteLength]).toEqual([0, 0, 0])
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(before + 32 * 1024 * 1024)
  freeMemory(bytes.buffer)
  for (const wrong of [undefined, 7, bytes])
    expect(() => freeMemory(wrong as unknown as ArrayBuffer)).toThrow(TypeError)
})
