import { setFlagsFromString } from 'node:v8'

/** Bytecode that a function runs before V8 optimizes it. Its own: 132 KiB (V8 11.3), a tenth of a second of work. */
const budgetBytes = 2_000_000

/**
 * The first seconds of a mount are often all that it is needed for, and on few cores: a tool reads one scan. As it is,
 * V8 spends a quarter of the processor time of these seconds on optimizing what it has only just seen, several times
 * over. What runs for longer is optimized all the same, once more is known of it.
 */
export function compilePatiently(): void {
  setFlagsFromString(`--interrupt-budget=${budgetBytes}`)
}
