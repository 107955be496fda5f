import { constants } from 'node:os'
import { expect, it } from 'vitest'
import { errnoOf } from '../../../src/fuse/operations.js'
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
