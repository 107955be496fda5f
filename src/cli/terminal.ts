import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CliError, exitCodes } from './exit.js'

export type Ask = (question: string) => Promise<string>

/** A question on the terminal, the answer not shown; undefined without a terminal. */
export function terminalPrompt(): Ask | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return (question) =>
    new Promise((resolve, reject) => {
      const silent = new Writable({ write: (_, __, done) => done() })
      const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
      process.stderr.write(question) // when the terminal echoes no more: somebody may be quick
      let answer: string | undefined
      lines.once('line', (line) => {
        answer = line
        lines.close()
      })
      lines.once('close', () => {
        process.stderr.write('\n')
        if (answer === undefined)
          reject(
            new CliError(exitCodes.notLoggedIn, {
              thing: question.replace(/: *$/, ''),
              reason: 'none was given',
              nextStep: 'type it and press Enter, or pipe it into --password-stdin',
            }),
          )
        else resolve(answer)
      })
    })
}

/** A question whose answer is shown; undefined without a terminal. */
export function terminalQuestion(): Ask | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return (question) =>
    new Promise((resolve) => {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      lines.question(question, (answer) => {
        resolve(answer.trim()) // before its end, which counts as no answer
        lines.close()
      })
      lines.once('close', () => resolve(''))
    })
}

/** The first line of the standard input. @throws CliError when there is none */
export async function firstLineOfInput(): Promise<string> {
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) if (line !== '') return line
  } finally {
    lines.close()
  }
  throw new CliError(exitCodes.notLoggedIn, {
    thing: '--password-stdin',
    reason: 'nothing came',
    nextStep: 'pipe the password in',
  })
}
