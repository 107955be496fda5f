import { setFlagsFromString } from 'node:v8'

/**
 * To be called before all else is loaded: V8 doubles the room for new objects to 32 MiB while it loads a program, and never gives
 * it back. What a mount makes is short-lived and fits into what there is at first; and where new objects are collected
 * more often, so are the bytes of files that they hold.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
