import { configKeys } from '../options.js'
import { createProgram, passwordHelp } from '../program.js'
import { version } from '../version.js'
import { completionScript } from './completions.js'
import type { Shell } from './completions.js'
import { describe } from './describe.js'
import { manPage } from './man-page.js'
import { examples, exitCodesText } from './short-help.js'

/** xnatfs(1), from the tables that the program itself goes by. */
export function manual(): string {
  return manPage({
    version: version(),
    commands: describe(createProgram(() => {})),
    configKeys: configKeys(),
    examples,
    exitCodes: exitCodesText.replace('\n', ' '),
    logIns: passwordHelp,
  })
}

export function completions(shell: Shell): string {
  return completionScript(shell, describe(createProgram(() => {})))
}
