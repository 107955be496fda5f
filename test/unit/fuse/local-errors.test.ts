import { constants } from 'node:os'
import { expect, it } from 'vitest'
import { errnoOf } from '../../../src/fuse/operations.js'
import { FsError } from '../../../src/util/fs-error.js'
import { Log } from '../../../src/util/log.js'

it.each(['EFBIG', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'] as const)(
  '%s of the local disk is the errno of the program too, and the log says what to do',
  (code) => {
    const lines: string[] = []
    const log = new Log({ write: (line) => lines.push(line) })
    const error = Object.assign(new Error(`${code}: what Node says, write`), { code })
    expect(errnoOf(error, 'write', log)).toBe(constants.errno[code])
    expect(lines.join('')).toMatch(new RegExp(`write: ${code} in the local files of the mount: .*; \\w+`))
  },
)

it.each([
  ['flush', /warn flush: ENOENT write archive: 404 Unable to find the source/],
  ['fsync', /warn fsync: ENOENT/],
  ['mkdir', /warn mkdir: ENOENT/],
  ['lookup', /^$/],
] as const)('an ENOENT of %s is in the log where nobody can guess its reason', (operation, line) => {
  const lines: string[] = []
  const log = new Log({ write: (text) => lines.push(text) })
  const error = new FsError('ENOENT', 'write archive: 404 Unable to find the source')
  expect(errnoOf(error, operation, log)).toBe(constants.errno.ENOENT)
  expect(lines.join('')).toMatch(line)
})
