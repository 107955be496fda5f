import { createCipheriv, createHash } from 'node:crypto'
import type { OpenFlags } from '../support/file-system.js'

/** One call of a program. `handle` names what an earlier `open` of the same lane opened. Plain data. */
export type Step =
  | { readonly op: 'open'; readonly handle: number; readonly path: string; readonly flags: OpenFlags }
  | {
      readonly op: 'write'
      readonly handle: number
      /** Absent: at the end. */
      readonly offset?: number
      readonly length: number
      readonly seed: number
    }
  | { readonly op: 'cut'; readonly handle: number; readonly size: number }
  | { readonly op: 'sync'; readonly handle: number }
  | { readonly op: 'close'; readonly handle: number }
  | { readonly op: 'truncate'; readonly path: string; readonly size: number }
  | { readonly op: 'rename'; readonly path: string; readonly to: string }
  | { readonly op: 'unlink'; readonly path: string }
  | { readonly op: 'mkdir'; readonly path: string }
  | { readonly op: 'rmdir'; readonly path: string }
  | { readonly op: 'read'; readonly path: string }

/** What a call answered. */
export interface Result {
  /** 'ok', an errno, or 'skipped': not called, since an earlier failure left it open what it would meet. */
  readonly code: string
  /** Of what `read` read. */
  readonly digest?: string
}

export interface InitialFile {
  readonly path: string
  readonly length: number
  readonly seed: number
}

/** What one program does, one call after the other. Paths begin with the name of one of the roots. */
export interface Lane {
  /** Resources in which nobody else writes. */
  readonly roots: readonly string[]
  /** Stored before the program begins. */
  readonly initial: readonly InitialFile[]
  /** Stored before it begins, and never touched by it. */
  readonly neighbours: readonly InitialFile[]
  readonly steps: readonly Step[]
}

const zeros = Buffer.alloc(64 * 1024)

/** Bytes in which no stretch is like another, nor like one of another seed. */
export function seededBytes(seed: number, length: number): Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(seed >>> 0)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; done += zeros.length) {
    cipher.update(zeros.subarray(0, Math.min(zeros.length, length - done))).copy(bytes, done)
  }
  return bytes
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

export function describeStep(step: Step): string {
  const { op, ...rest } = step
  return `${op} ${JSON.stringify(rest)}`
}
