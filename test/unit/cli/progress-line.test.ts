import { describe, expect, it } from 'vitest'
import { ProgressLine } from '../../../src/cli/progress-line.js'

function start(isTTY: boolean): { line: ProgressLine; written: string[]; wait: (ms: number) => void } {
  const written: string[] = []
  let now = 0
  const line = new ProgressLine({ isTTY, write: (text) => written.push(text) }, () => now)
  return { line, written, wait: (ms) => (now += ms) }
}
const miB = 1024 * 1024
const at = (filesDone: number, mib: number) => ({ files: 4, bytes: 8 * miB, filesDone, bytesDone: mib * miB })

describe('progress', () => {
  it('on a terminal is a bar in one line, with rate and time left', () => {
    const { line, written, wait } = start(true)
    line.show(at(0, 0))
    wait(2000)
    line.show(at(1, 2))
    line.end()
    expect(written).toEqual([
      `\r[${' '.repeat(24)}] 0 B of 8.0 MiB, 0 of 4 files\u001B[K`,
      `\r[${'#'.repeat(6)}${' '.repeat(18)}] 2.0 MiB of 8.0 MiB, 1 of 4 files, 1.0 MiB/s, 6 s left\u001B[K`,
      '\n',
    ])
  })

  it('elsewhere is a plain line every five seconds', () => {
    const { line, written, wait } = start(false)
    for (let i = 0; i <= 10; i++) {
      line.show(at(0, i / 2))
      wait(1000)
    }
    line.end()
    expect(written).toEqual([
      '0 B of 8.0 MiB, 0 of 4 files\n',
      '2.5 MiB of 8.0 MiB, 0 of 4 files, 512.0 KiB/s, 11 s left\n',
      '5.0 MiB of 8.0 MiB, 0 of 4 files, 512.0 KiB/s, 6 s left\n',
    ])
  })

  it('counts what was there before as done, and not as fast', () => {
    const { line, written, wait } = start(false)
    line.show(at(2, 4))
    wait(5000)
    line.show(at(2, 4))
    expect(written.at(-1)).toBe('4.0 MiB of 8.0 MiB, 2 of 4 files\n')
  })
})
