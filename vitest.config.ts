import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** vitest leaves one core for itself, and so one for the tests where there are two; it has next to nothing to do. */
const maxWorkers = Math.max(2, availableParallelism() - 1)

/**
 * What mounts waits more than it works: for processes to start, for the kernel, for the disk. Nothing is measured there; what
 * is polled may take longer where there are many at it.
 */
const mounted = {
  globalSetup: './test/support/build.ts',
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 20_000 } },
  sequence: { groupOrder: 1 },
}

/** Unit, integration and emulator tests run in parallel; then what mounts, in parallel, too; then what measures, one file at a time. */
export default defineConfig({
  test: {
    maxWorkers,
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        // Its files mock no module and measure no memory: the emulator is loaded once for all of them.
        test: {
          name: 'emulator',
          include: ['test/emulator/**/*.test.ts'],
          testTimeout: 30_000,
          isolate: false,
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...mounted } },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...mounted } },
      { test: { name: 'crash', include: ['test/crash/**/*.test.ts'], ...mounted } },
      {
        test: {
          name: 'budget',
          globalSetup: './test/support/build.ts',
          include: ['test/budget/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
