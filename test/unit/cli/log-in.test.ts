import { expect, it } from 'vitest'
import { exitCodes } from '../../../src/cli/exit.js'
import { explainLogIn } from '../../../src/cli/log-in.js'
import { XnatError } from '../../../src/xnat/xnat-error.js'

it('a guest who finds no XNAT is told to check the URL', () => {
  const error = explainLogIn(new XnatError('not-found', '404 Error response'), 'https://www.example.org')
  expect(error).toMatchObject({
    exitCode: exitCodes.notFound,
    message: expect.stringMatching(
      /^https:\/\/www\.example\.org: cannot be used: no XNAT answers here: 404 Error response; check the URL/,
    ),
  })
})

it('a refused log-in is told with the place that it is from', () => {
  const refused = new XnatError('unauthorized', 'no')
  expect(explainLogIn(refused, 'https://xnat.example.org', '~/.netrc')).toMatchObject({
    exitCode: exitCodes.notLoggedIn,
    message: expect.stringMatching(
      /^https:\/\/xnat\.example\.org: cannot be used: no \(the log-in is from ~\/\.netrc\); check user/,
    ),
  })
})

it.each([
  ['unreachable', undefined, 'cannot connect', /^https:\/\/host: cannot be used: cannot connect; check/],
  ['unauthorized', 401, 'no', /^https:\/\/host: cannot be used: no; check/],
  ['server', 500, 'Oops', /^https:\/\/host: cannot be used: POST \/data\/JSESSION: Oops; try again/],
] as const)('a server that is %s is named once', (code, status, reason, words) => {
  const details = { method: 'POST', url: 'https://host/data/JSESSION', ...(status && { status }) }
  const error = explainLogIn(new XnatError(code, reason, details), 'https://host')
  expect(error).toMatchObject({ message: expect.stringMatching(words) })
})
