import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Option } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { configKeys } from '../../src/cli/options.js'
import { createProgram } from '../../src/cli/program.js'
import { allCommands } from '../support/commands.js'
import { program, repository, run, xnatfs } from '../support/processes.js'

/** Plain text, a paragraph on each line, and a complaint about whatever is wrong. */
const roffFlags = ['-man', '-Tascii', '-P-cbou', '-ww', '-rLL=5000n', '-rcR=1']

/** What is said of options: the term, such as '--url <url>', and the text. */
type Said = Record<string, string>

/** Help, man page and keys of the configuration file say the same, for they come from one table. */
describe('what is said of commands and options', () => {
  const commands = allCommands()
  const helps = new Map<string, string>()
  beforeAll(async () => {
    for (const { name } of commands) {
      const { code, stdout } = await xnatfs([...name.split(' '), '--help'])
      if (code !== 0) throw new Error(`${name} --help ended with ${code}`)
      helps.set(name, stdout)
    }
  })

  it('is all of it in the help of each command, and no more', () => {
    expect(commands.length).toBeGreaterThan(20)
    for (const { name, command } of commands) {
      const notes = (option: Option): string[] => [
        ...(option.argChoices
          ? [`choices: ${option.argChoices.map((choice) => JSON.stringify(choice)).join(', ')}`]
          : []),
        ...(hasDefault(option)
          ? [`default: ${option.defaultValueDescription ?? JSON.stringify(option.defaultValue)}`]
          : []),
        ...(option.envVar === undefined ? [] : [`env: ${option.envVar}`]),
      ]
      const expected = Object.fromEntries(
        command.options.map((option) => [option.flags, withNotes(option.description, notes(option), ', ')]),
      )
      const { '-h, --help': _, '-V, --version': __, ...options } = termsOf(helps.get(name)!, 2)
      const own = Object.fromEntries(Object.entries(options).filter(([term]) => term.startsWith('-')))
      expect([name, own]).toEqual([name, expected])
      const children = Object.keys(options).filter((term) => !term.startsWith('-'))
      expect([name, children.map((term) => term.split(' ')[0]).filter((word) => word !== 'help')]).toEqual([
        name,
        command.commands.map((child) => child.name()),
      ])
    }
  })

  it('fits a terminal of 80 columns', () => {
    for (const [name, help] of helps)
      for (const line of help.split('\n')) expect([name, line, line.length <= 80]).toEqual([name, line, true])
  })

  it('begins with the usage of the command and what it does', () => {
    for (const { name, command } of commands)
      expect(
        helps
          .get(name)!
          .split('\n\n')
          .slice(0, 2)
          .map((lines) => lines.replaceAll('\n', ' ')),
      ).toEqual([
        `Usage: xnatfs ${[name, ...command.aliases()].join('|')} ${command.usage()}`,
        command.description(),
      ])
  })

  it('fits a screen in short: examples first, then every command', async () => {
    const { code, stdout } = await xnatfs(['--help'])
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.length).toBeLessThan(24) // the prompt wants a line, too
    for (const line of lines) expect([line, line.length <= 80]).toEqual([line, true])
    expect(lines.slice(2, 5)).toEqual([
      'Examples:',
      '  xnatfs login https://xnat.example.org',
      '  xnatfs mount ~/xnat --url https://xnat.example.org',
    ])
    const begin = lines.findIndex((line) => line.startsWith('Commands'))
    const rows = lines.slice(begin + 1, lines.indexOf('', begin))
    const names = rows.flatMap((row) => row.slice(2, 20).trim().split(', '))
    const top = createProgram(() => {}).commands
    expect(names.toSorted()).toEqual(top.map((command) => command.name()).toSorted())
    for (const command of top) expect(rows.join('\n')).toContain(command.summary())
    expect(await run(process.execPath, [program])).toMatchObject({ code: 2, stderr: stdout })
    expect((await xnatfs(['help'])).stdout).toBe(stdout)
  })

  it('is all of it in the man page, and no more, without a word of roff that man would complain of', async () => {
    const page = join(repository, 'share/man/xnatfs.1')
    const { code, stderr, stdout } = await run('groff', roffFlags.concat(page))
    expect([code, stderr]).toEqual([0, ''])
    const sections = sectionsOf(stdout)
    expect([...sections.keys()]).toEqual(
      commands.map(({ name, command }) => `xnatfs ${name} ${command.usage()}`),
    )
    for (const { name, command } of commands) {
      const notes = (option: Option): string[] => [
        ...(option.argChoices ? [`one of ${option.argChoices.join(', ')}`] : []),
        ...(option.envVar === undefined ? [] : [`environment: ${option.envVar}`]),
        ...(hasDefault(option) ? [`default: ${option.defaultValueDescription ?? option.defaultValue}`] : []),
      ]
      const expected = Object.fromEntries(
        command.options.map((option) => [
          option.flags.replace(/^-\w, /, ''),
          withNotes(option.description, notes(option), '; '),
        ]),
      )
      const { head, terms } = sections.get(`xnatfs ${name} ${command.usage()}`)!
      expect([name, head.toLowerCase()]).toEqual([name, `${command.description()}.`.toLowerCase()])
      expect([name, terms]).toEqual([name, expected])
    }
    expect(stdout).toMatch(new RegExp(`Keys of the configuration file: ${configKeys().join(', ')}\\.\\n`))
  })

  it('is what `npm run build` has made of the tables as they are', async () => {
    const { stdout } = await run(process.execPath, [
      '-e',
      `import('${join(repository, 'dist/cli/manual/manual.js')}').then((m) => process.stdout.write(m.manual()))`,
    ])
    expect(await readFile(join(repository, 'share/man/xnatfs.1'), 'utf8')).toBe(stdout)
  })
})

/** A switch is off where nobody says it: that needs no words. */
function hasDefault({ defaultValue }: Option): boolean {
  return defaultValue !== undefined && typeof defaultValue !== 'boolean'
}

function withNotes(help: string, notes: readonly string[], between: string): string {
  return notes.length === 0 ? help : `${help} (${notes.join(between)})`
}

/** Terms that stand at a column, each with the text behind it or below, which is indented further. */
function termsOf(text: string, column: number): Said {
  const said: Said = {}
  let last: string | undefined
  for (const line of text.split('\n')) {
    const indent = /^ */.exec(line)![0].length
    if (indent === column && line.trim() !== '') {
      // A short term has its text beside it: two spaces in the help, as few as one in the man page.
      const [, term, rest] = /^((?:-\w, )?-\S+(?: <.*?>)?|.*?)(?: +(.*)| *)$/.exec(line.trim())!
      last = term!
      said[last] = rest ?? ''
    } else if (indent > column && last !== undefined) said[last] = `${said[last]} ${line.trim()}`.trim()
    else last = undefined
  }
  return said
}

/** Of the man page as it is shown: what stands below each `xnatfs <command>`. */
function sectionsOf(page: string): Map<string, { head: string; terms: Said }> {
  const sections = new Map<string, { head: string; terms: Said }>()
  const commands = /^COMMANDS\n([^]*?)^LOG-IN/m.exec(page)![1]!
  for (const part of commands.split(/^ {3}(?=xnatfs )/m).slice(1)) {
    const [title, head, ...rest] = part.split('\n')
    sections.set(title!.trim(), { head: head!.trim(), terms: termsOf(rest.join('\n'), 7) })
  }
  return sections
}
