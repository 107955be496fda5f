import { describe, expect, it } from 'vitest'
import { LOGIN_FAILURE } from '../../../src/emulator/auth/authenticator.js'
import { wordsOfRefusal } from '../../../src/xnat/refusal.js'
import { sentenceOfPage } from '../../../src/xnat/xnat-error.js'

/** What XNAT says is in xnat-wire.md §7. */
describe('the words for a refused log-in', () => {
  const words = (
    status: number,
    page: string,
    location?: string,
    proof: 'password' | 'token' = 'password',
  ): string | undefined => {
    const said = wordsOfRefusal({
      status,
      sentence: sentenceOfPage(page),
      location,
      user: 'me',
      baseUrl: 'https://xnat.example.org',
      proof,
    })
    return said && `${said.reason}; ${said.nextStep}`
  }

  it.each([
    ['a wrong password', 401, LOGIN_FAILURE, undefined, /refused user 'me': a wrong name or password/],
    [
      'a wrong password, where the page only says what the server is',
      401,
      '<html><body><h3>Apache Tomcat/9.0.70</h3></body></html>',
      undefined,
      /refused user 'me': a wrong name or password/,
    ],
    [
      'an expired password',
      403,
      'Your password has expired.',
      undefined,
      /password of 'me' has expired; set a new one/,
    ],
    [
      'an expired password, on a page of Tomcat',
      403,
      '<html><h1>HTTP Status 403</h1><p><b>Message</b> Your password has expired.</p><p><b>Description</b> No.</p><h3>Apache Tomcat/9.0.70</h3></html>',
      undefined,
      /password of 'me' has expired/,
    ],
    ['an expired password, by redirect', 302, '', '/app/template/ChangePassword.vm', /has expired/],
    ['a locked account', 401, 'User account is locked', undefined, /account 'me' is locked; wait an hour/],
    ['a disabled account', 403, 'User is disabled', undefined, /account 'me' is not active/],
    ['a site that is not set up', 403, 'Site has not yet been configured.', undefined, /is not set up yet/],
    [
      'a page to be read first',
      302,
      '',
      'https://xnat.example.org/app/template/Index.vm',
      /in a browser first/,
    ],
  ] as const)('tell of %s', (_, status, page, location, pattern) => {
    expect(words(status, page, location)).toMatch(pattern)
  })

  it('tell that a token has ended', () => {
    expect(words(401, LOGIN_FAILURE, undefined, 'token')).toMatch(
      /token of 'me' is not valid .* run `xnatfs login/,
    )
  })

  it.each([
    [500, undefined],
    [404, undefined],
    [302, 'https://elsewhere.example.org/app/'],
    [301, 'https://xnat.example.org/xnat/data/JSESSION'],
  ])('are for no other answer: %s to %s', (status, location) => {
    expect(words(status, '', location)).toBeUndefined()
  })
})
