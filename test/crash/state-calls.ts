import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** Calls that change what a disk holds, or when. */
const changing = [
  'open',
  'writeFile',
  'appendFile',
  'rename',
  'rm',
  'unlink',
  'mkdir',
  'rmdir',
  'link',
  'copyFile',
  'truncate',
] as const
const changingHandle = ['write', 'writev', 'writeFile', 'appendFile', 'sync', 'datasync', 'truncate'] as const

type AnyFunction = (...parameters: unknown[]) => unknown

/**
 * Counts the calls of this process that change files, and calls `strike` before or after one of them: the moments
 * between two calls are all the moments at which a process can die, as far as its files can tell.
 */
export async function countStateCalls(
  at: { readonly count: number; readonly isBefore: boolean } | undefined,
  strike: () => void,
): Promise<() => number> {
  let calls = 0
  const counted = (original: AnyFunction): AnyFunction =>
    function (this: unknown, ...parameters: unknown[]): unknown {
      const isIt = ++calls === at?.count
      if (isIt && at?.isBefore) strike()
      const result = original.apply(this, parameters)
      return isIt && result instanceof Promise ? result.finally(strike) : result
    }
  replace(fsp as unknown as Record<string, AnyFunction>, changing, counted)
  const handle = await fs.promises.open('/dev/null', 'r')
  const prototype = Object.getPrototypeOf(handle) as Record<string, AnyFunction>
  await handle.close()
  calls = 0
  replace(prototype, changingHandle, counted)
  syncBuiltinESMExports()
  return () => calls
}

function replace(
  holder: Record<string, AnyFunction>,
  names: readonly string[],
  wrap: (original: AnyFunction) => AnyFunction,
): void {
  for (const name of names) {
    const original = holder[name]
    if (original) holder[name] = wrap(original)
  }
}
