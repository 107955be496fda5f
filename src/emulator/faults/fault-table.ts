import { percentDecode } from '../http/text.js'
import { NO_EFFECTS, type ResponseEffects } from './effects.js'
import { compilePattern, parseFaultRules, type Fault, type FaultRule } from './fault-rule.js'

interface ActiveRule {
  readonly rule: FaultRule
  readonly pattern: RegExp
  skipsLeft: number
  strikesLeft: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The rules in force, with how often each may still strike. */
export class FaultTable {
  #rules: readonly ActiveRule[] = []

  constructor(rules: readonly FaultRule[] = []) {
    this.replace(rules)
  }

  /** Takes a new table; nothing changes if one of its rules is wrong. */
  replace(rules: unknown): void {
    this.#rules = parseFaultRules(rules).map((rule) => ({
      rule,
      pattern: compilePattern(rule.path),
      skipsLeft: rule.skip ?? 0,
      strikesLeft: rule.times ?? Number.POSITIVE_INFINITY,
    }))
  }

  rules(): readonly FaultRule[] {
    return this.#rules.map((active) => active.rule)
  }

  /** The sum of what strikes this request; counts each strike. `targets` are paths with their query, as sent. */
  strike(method: string, targets: readonly string[]): ResponseEffects {
    if (this.#rules.length === 0) return NO_EFFECTS
    const candidates = targets.flatMap(spellings)
    const effects: Mutable<ResponseEffects> = { ...NO_EFFECTS }
    for (const active of this.#rules) {
      if (active.rule.method !== undefined && active.rule.method !== method) continue
      if (active.strikesLeft <= 0 || !candidates.some((candidate) => active.pattern.test(candidate))) continue
      if (active.skipsLeft > 0) {
        active.skipsLeft--
        continue
      }
      active.strikesLeft--
      apply(active.rule.fault, effects)
    }
    return effects
  }
}

function spellings(target: string): string[] {
  const path = target.split('?', 1)[0]!
  return [target, percentDecode(target) ?? target, path, percentDecode(path) ?? path]
}

function apply(fault: Fault, effects: Mutable<ResponseEffects>): void {
  switch (fault.kind) {
    case 'delay':
      effects.delayMs += fault.ms
      break
    case 'status':
      effects.status ??= { status: fault.status, html: fault.html }
      break
    case 'login-page':
      effects.loginPage = true
      break
    case 'drop':
    case 'truncate':
    case 'stall':
      effects.cut ??= { kind: fault.kind, afterBytes: fault.afterBytes }
      break
    case 'cut-upload':
      effects.cutUploadAfter ??= fault.afterBytes
      break
    case 'length':
      effects.lengthDelta += fault.delta
      break
    case 'listing-size':
      effects.listingSizeDelta += fault.delta
      break
    case 'corrupt':
      effects.corruptAt ??= fault.atByte
      break
    case 'ignore-range':
      effects.ignoreRange = true
      break
    case 'swallow':
    case 'store-as':
    case 'store-short':
    case 'catalog-conflict':
      effects.storing ??= fault
      break
  }
}
