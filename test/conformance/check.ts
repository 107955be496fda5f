import { expect } from 'vitest'
import type { FileSystem } from '../support/file-system.js'

/** Where a check works, and what the server has there. */
export interface CheckContext {
  readonly fs: FileSystem
  /** An empty resource of its own for each check. */
  readonly here: string
  /** The bytes stored under a path of that resource; undefined when the server has none. */
  readonly stored: (path: string) => Promise<Buffer | undefined>
  /** A stored file, put there by another client. */
  readonly put: (path: string, bytes: Buffer) => Promise<void>
}

export type Check = (context: CheckContext) => Promise<void>

export async function expectCode(action: Promise<unknown>, code: string): Promise<void> {
  await expect(action).rejects.toMatchObject({ code })
}
