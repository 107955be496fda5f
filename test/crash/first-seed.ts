/** How many runs the long form is to make; 0: the short form. */
export const longRuns = Number(process.env['XNATFS_CRASH_RUNS'] ?? 0)

/**
 * The seed of the first run; what failed is repeated by its seed alone. The short form always makes the same runs, so that
 * a change is judged by the change; the long form makes new ones.
 */
export const firstSeed = Number(
  process.env['XNATFS_CRASH_SEED'] ?? (longRuns > 0 ? Math.floor(Math.random() * 1_000_000) : 1),
)
