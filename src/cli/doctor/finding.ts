/** What `xnatfs doctor` says of one thing. */
export interface Finding {
  readonly name: string
  /** warn: mounts work, slower or with less. fail: they do not. */
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly text: string
  /** What to do about it. */
  readonly remedy?: string
}

export function ok(name: string, text: string): Finding {
  return { name, verdict: 'ok', text }
}

export function warn(name: string, text: string, remedy: string): Finding {
  return { name, verdict: 'warn', text, remedy }
}

export function fail(name: string, text: string, remedy: string): Finding {
  return { name, verdict: 'fail', text, remedy }
}

export function findingText({ name, verdict, text, remedy }: Finding): string {
  const line = `${verdict.padEnd(5)} ${name.padEnd(16)} ${text}`
  return remedy === undefined ? line : `${line}\n${' '.repeat(23)}→ ${remedy}`
}
