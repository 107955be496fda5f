import { LRUCache } from 'lru-cache'
import { textOf, withNewline } from './text.js'
import type { Text } from './text.js'

const answersKept = 100
const charactersKept = 16 * 1024 * 1024

/** What the server answered to the last order of each file that gives some, as long as the mount lasts. */
export class ServiceAnswers {
  readonly #answers = new LRUCache<string, Text>({
    max: answersKept,
    maxSize: charactersKept,
    sizeCalculation: ({ latin1 }) => Math.max(1, latin1.length),
  })

  get(key: string): Text | undefined {
    return this.#answers.get(key)
  }

  keep(key: string, answer: Buffer): void {
    if (answer.length === 0) this.#answers.delete(key)
    else this.#answers.set(key, withNewline(textOf(answer)))
  }
}
