import { inspect } from 'node:util'
import { redactText } from './redact.js'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

const rank: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 }

/** A line that has just been written is not repeated within this time; the repeats are counted instead. */
const repeatWindowMs = 30_000
const rememberedLines = 200

/** A line of the log that says what went wrong. */
export interface LoggedTrouble {
  /** ISO 8601. */
  readonly at: string
  readonly level: 'error' | 'warn'
  readonly text: string
}

const troublesKept = 10

/** As the journal of systemd takes it: it has the time, and knows the level by a number (sd-daemon(3)). */
export type LogStyle = 'file' | 'journal'

const journalPriority: Record<LogLevel, number> = { error: 3, warn: 4, info: 6, debug: 7 }

export interface LogOptions {
  readonly write: (line: string) => void
  readonly level?: LogLevel
  readonly style?: LogStyle
  readonly now?: () => number
}

/**
 * One line per event, without secrets: `<ISO time> <level> <text>`, or `<N>text` for the journal. A failing server makes every reader fail for the same reason:
 * the reason is said once, and said again with a count when it still holds after `repeatWindowMs`.
 */
export class Log {
  readonly #write: (line: string) => void
  readonly #level: LogLevel
  readonly #style: LogStyle
  readonly #now: () => number
  readonly #recent = new Map<string, { since: number; repeats: number }>()
  readonly #troubles: LoggedTrouble[] = []

  constructor(options: LogOptions) {
    this.#write = options.write
    this.#level = options.level ?? 'info'
    this.#style = options.style ?? 'file'
    this.#now = options.now ?? Date.now
  }

  /** The newest warnings and errors, oldest first. */
  get troubles(): readonly LoggedTrouble[] {
    return this.#troubles
  }

  error(text: string): void {
    this.#line('error', text)
  }

  warn(text: string): void {
    this.#line('warn', text)
  }

  info(text: string): void {
    this.#line('info', text)
  }

  debug(text: string): void {
    this.#line('debug', text)
  }

  #line(level: LogLevel, unchecked: string): void {
    if (rank[level] > rank[this.#level]) return
    const text = redactText(unchecked)
    const now = this.#now()
    const recent = this.#recent.get(text)
    if (recent && now - recent.since < repeatWindowMs) {
      recent.repeats++
      return
    }
    const repeats = recent?.repeats ? ` (and ${recent.repeats} more times)` : ''
    this.#recent.delete(text)
    this.#recent.set(text, { since: now, repeats: 0 })
    if (this.#recent.size > rememberedLines) this.#recent.delete(this.#recent.keys().next().value!)
    const at = new Date(now).toISOString()
    if (level === 'error' || level === 'warn') this.#troubles.push({ at, level, text: `${text}${repeats}` })
    if (this.#troubles.length > troublesKept) this.#troubles.shift()
    const head = this.#style === 'journal' ? `<${journalPriority[level]}>` : `${at} ${level} `
    this.#write(`${head}${printable(text)}${repeats}`)
  }
}

/** Text from a server may hold line breaks and terminal escapes; a log line holds neither. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** The messages of an error and of its causes, outermost first. One that an earlier one contains says nothing new. */
export function causeChain(error: unknown): string {
  const parts: string[] = []
  for (let e: unknown = error; e !== undefined && e !== null && parts.length < 6;) {
    const text = e instanceof Error ? e.message : typeof e === 'string' ? e : inspect(e)
    if (!parts.some((part) => part.includes(text))) parts.push(text)
    e = e instanceof Error ? e.cause : undefined
  }
  return parts.join(': ')
}

export const silentLog = new Log({ write: () => {}, level: 'error' })
