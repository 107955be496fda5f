import { describe, expect, it } from 'vitest'
import { mayBeUnderWay } from '../../../src/archive/attempts.js'
import { failureOf } from '../../../src/xnat/retry.js'
import { XnatError } from '../../../src/xnat/xnat-error.js'

const brokenBy = (code: string): XnatError =>
  failureOf(Object.assign(new Error('failed'), { code }), 'DELETE', 'http://x.org/').error

describe('whether a change that failed may be under way', () => {
  it.each(['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT'])('is so after %s', (code) => {
    expect(mayBeUnderWay(brokenBy(code))).toBe(true)
  })

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT'])(
    'is not so after %s: the server never got it',
    (code) => {
      expect(mayBeUnderWay(brokenBy(code))).toBe(false)
    },
  )

  it.each([
    [502, true],
    [504, true],
    [500, false],
    [403, false],
  ])('is so after an answer of a proxy, not of the server (%d)', (status, isSo) => {
    const code = status === 504 ? 'timeout' : 'server'
    expect(mayBeUnderWay(new XnatError(code, 'failed', { status }))).toBe(isSo)
  })
})
