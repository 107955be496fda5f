import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { CliError, exitCodes } from './exit.js'

export type Ask = (question: string) => Promise<string>

/** A question on the terminal, the answer not shown; undefined without a terminal. */
export function terminalPrompt(): Ask | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return (question) => {
    const silent = new Writable({ write: (_, __, done) => done() })
    const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
    process.stderr.write(question) // when the terminal echoes no more: somebody may be quick
    const lineEnd = (): void => void process.stderr.write('\n')
    return answerOf(lines, question, 'pipe it into --password-stdin', lineEnd)
  }
}

/** A question whose answer is shown; undefined without a terminal. */
export function terminalQuestion(otherWay: string): Ask | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    lines.setPrompt(question)
    lines.prompt()
    return (await answerOf(lines, question, otherWay, () => {})).trim()
  }
}

/** @throws CliError where nothing is typed, which no server is to count as a wrong password. Ctrl-C ends the program. */
function answerOf(lines: Interface, question: string, otherWay: string, ended: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    let isInterrupted = false
    lines.once('line', (line) => {
      answer = line
      lines.close()
    })
    lines.once('SIGINT', () => {
      isInterrupted = true
      lines.close()
    })
    lines.once('close', () => {
      ended()
      if (isInterrupted) process.kill(process.pid, 'SIGINT')
      else if (answer.trim() !== '') resolve(answer)
      else
        reject(
          new CliError(exitCodes.notLoggedIn, {
            thing: question.replace(/: *$/, ''),
            reason: 'none was given',
            nextStep: `type it and press Enter, or ${otherWay}`,
          }),
        )
    })
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
