import { describe, expect, it } from 'vitest'
import { Log, causeChain, printable } from '../../../src/util/log.js'

describe('Log', () => {
  it('says a thing once in a while, and how often it was true meanwhile', () => {
    let now = 0
    const lines: string[] = []
    const log = new Log({ write: (line) => lines.push(line), now: () => now })
    for (let i = 0; i < 5; i++) log.error('the server is gone')
    log.error('another thing')
    now = 60_000
    log.error('the server is gone')
    expect(lines.map((line) => line.slice(25))).toEqual([
      'error the server is gone',
      'error another thing',
      'error the server is gone (and 4 more times)',
    ])
  })

  it('writes only what its level asks for', () => {
    const lines: string[] = []
    const log = new Log({ write: (line) => lines.push(line), level: 'warn' })
    log.info('i')
    log.warn('w')
    expect(lines).toHaveLength(1)
  })

  it('keeps each event on one line, without terminal escapes', () => {
    expect(printable('a\nb\u001b[31mc\u009b')).toBe('a\\x0ab\\x1b[31mc\\x9b')
  })
})

describe('causeChain', () => {
  it('tells the reasons of reasons', () => {
    const error = new Error('upload failed', { cause: new Error('socket', { cause: new Error('reset') }) })
    expect(causeChain(error)).toBe('upload failed: socket: reset')
    const refused = new Error('log-in refused (401)')
    expect(causeChain(new Error('cannot mount: log-in refused (401)', { cause: refused }))).toBe(
      'cannot mount: log-in refused (401)',
    )
  })
})
