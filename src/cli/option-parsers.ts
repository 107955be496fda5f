import { join, resolve } from 'node:path'
import { homeDirectory } from './home-directory.js'

/** What somebody wrote for an option is none of its values. The message goes on after what was written. */
export class WrongValue extends Error {
  override readonly name = 'WrongValue'
  readonly nextStep: string

  constructor(reason: string, nextStep: string) {
    super(reason)
    this.nextStep = nextStep
  }
}

export function nonNegativeNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new WrongValue('is not a number of 0 or more', 'write it as 5 or 0.5')
  return value
}

export function positiveNumber(text: string): number {
  const value = nonNegativeNumber(text)
  if (value === 0) throw new WrongValue('must be more than 0', 'write a larger number')
  return value
}

const units: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4 }

/** Bytes of '500M', '20G', '1.5T'; a bare number is GiB. */
export function byteSize(text: string): number {
  const [, number, unit] = /^([0-9.]+)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? []
  if (number === undefined) throw new WrongValue('is no size', 'write it as 500M or 20G')
  return positiveNumber(number) * 1024 ** units[(unit || 'G').toUpperCase()]!
}

/** Absolute, for the process in the background works in another directory. `~/` as in a shell, for configuration files. */
export function pathOf(text: string): string {
  if (text.trim() === '') throw new WrongValue('is no path', 'write it as ~/folder/file')
  return text.startsWith('~/') ? join(homeDirectory(), text.slice(2)) : resolve(text)
}

/** A number of TCP. */
export function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new WrongValue('is no port', 'write a number from 0 to 65535')
  return Number(text)
}

/** A number of a user or group. */
export function idNumber(text: string): number {
  if (!/^\d{1,10}$/.test(text))
    throw new WrongValue('is no number of a user or group', 'write a number; `id` shows yours')
  return Number(text)
}

/** '022' or '0022'. */
export function octalMask(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new WrongValue('is no mask of three octal digits', 'write it as 022')
  return Number.parseInt(text, 8)
}
