import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** vitest leaves one core for itself, and so one for the tests where there are two; it has next to nothing to do. */
const maxWorkers = Math.max(2, availableParallelism() - 1)

/** What measures, and what mounts: mounts share /dev/fuse and two cores. */
const oneFileAtATime = { fileParallelism: false, sequence: { groupOrder: 1 } }

/** Unit, integration and emulator tests run in parallel; then the others, one file at a time. */
export default defineConfig({
  test: {
    maxWorkers,
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: { name: 'integration', include: ['test/integration/**/*.test.ts'], testTimeout: 30_000 },
      },
      { test: { name: 'emulator', include: ['test/emulator/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'budget',
          globalSetup: './test/support/build.ts',
          include: ['test/budget/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...oneFileAtATime,
        },
      },
      {
        test: {
          name: 'e2e',
          globalSetup: './test/support/build.ts',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...oneFileAtATime,
        },
      },
      {
        test: {
          name: 'conformance',
          globalSetup: './test/support/build.ts',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...oneFileAtATime,
        },
      },
      {
        test: {
          name: 'crash',
          globalSetup: './test/support/build.ts',
          include: ['test/crash/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          ...oneFileAtATime,
        },
      },
    ],
  },
})
