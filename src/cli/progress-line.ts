import { countText, durationText, sizeText } from './text.js'

export interface Progress {
  readonly files: number
  readonly filesDone: number
  readonly bytes: number
  readonly bytesDone: number
}

const barWidth = 24

/** How far something has come and how fast: a bar for a terminal, or plain lines now and then. */
export class ProgressLine {
  readonly #out: { readonly isTTY?: boolean; write(text: string): unknown }
  readonly #now: () => number
  #startedMs: number | undefined
  #startBytes = 0
  #toldMs = Number.NEGATIVE_INFINITY
  #isOpen = false

  constructor(out: { readonly isTTY?: boolean; write(text: string): unknown }, now: () => number = Date.now) {
    this.#out = out
    this.#now = now
  }

  show(progress: Progress): void {
    const now = this.#now()
    if (this.#startedMs === undefined) {
      this.#startedMs = now
      this.#startBytes = progress.bytesDone
    }
    const text = this.#text(progress, (now - this.#startedMs) / 1000)
    if (this.#out.isTTY) {
      this.#out.write(`\r${barOf(progress)} ${text}\u001B[K`)
      this.#isOpen = true
    } else if (now - this.#toldMs >= plainMs) {
      this.#toldMs = now
      this.#out.write(`${text}\n`)
    }
  }

  /** What is written next begins a line of its own. */
  end(): void {
    if (this.#isOpen) this.#out.write('\n')
    this.#isOpen = false
  }

  #text({ files, filesDone, bytes, bytesDone }: Progress, seconds: number): string {
    const parts = [
      `${sizeText(bytesDone)} of ${sizeText(bytes)}`,
      `${filesDone} of ${countText(files, 'file')}`,
    ]
    const rate = (bytesDone - this.#startBytes) / seconds
    if (rate > 0 && Number.isFinite(rate)) {
      parts.push(`${sizeText(rate)}/s`, `${durationText((bytes - bytesDone) / rate)} left`)
    }
    return parts.join(', ')
  }
}

/** Between lines where nobody watches. */
const plainMs = 5000

function barOf({ bytes, bytesDone }: Progress): string {
  const filled = bytes === 0 ? barWidth : Math.floor((barWidth * bytesDone) / bytes)
  return `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}]`
}
