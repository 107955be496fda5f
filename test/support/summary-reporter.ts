import type { Reporter, TestModule } from 'vitest/node'

/** Ends the run with one plain line, `N passed, N failed, N skipped`, for CI to read. */
class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      let tests = 0
      for (const test of module.children.allTests()) {
        tests++
        const state = test.result().state
        if (state === 'passed' || state === 'failed' || state === 'skipped') count[state]++
      }
      // A file that fails while it is loaded, or in a hook, has no failing test of its own.
      if (module.state() === 'failed' && (tests === 0 || module.errors().length > 0)) count.failed++
    }
    // The default reporter prints last words of its own: ours must come after them.
    process.on('exit', () => {
      process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
    })
  }
}

// eslint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default SummaryReporter
