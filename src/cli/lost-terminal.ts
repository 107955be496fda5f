import { closeSync } from 'node:fs'
import { isatty } from 'node:tty'

const standard = [0, 1, 2] as const

/** The terminal that this process was started on, if any: who is told that nobody may be there any more. */
export class Terminal {
  readonly #descriptors: readonly number[] = standard.filter((descriptor) => isatty(descriptor))

  /** It was closed, or its connection broke: the kernel lets nothing out of it or into it any more. */
  get isLost(): boolean {
    return this.#descriptors.some((descriptor) => !isatty(descriptor))
  }

  /** Node gives a terminal its settings back when it ends, and crashes where it is lost. */
  leave(): void {
    if (!this.isLost) return
    for (const descriptor of this.#descriptors) closeSync(descriptor)
  }
}
