import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allCommands } from '../support/commands.js'
import { repository } from '../support/processes.js'

/** A command line of xnatfs that a text tells somebody to type. */
interface Told {
  readonly where: string
  readonly line: string
}

/** Advice that nobody can follow is worse than none: commands and flags in documents and messages are there. */
describe('the command lines that texts tell of', () => {
  const commands = new Map(
    allCommands().flatMap(({ name, command }) => [name, ...command.aliases()].map((one) => [one, command])),
  )

  it('in README.md and docs/ are of commands and flags that there are', async () => {
    const names = (await readdir(join(repository, 'docs'), { recursive: true })).map((name) => `docs/${name}`)
    const files = ['README.md', 'CONTRIBUTING.md', ...names.filter((name) => name.endsWith('.md'))]
    const told = (await Promise.all(files.map(linesIn))).flat()
    expect(told.length).toBeGreaterThan(80)
    expect(told.flatMap(mistakes)).toEqual([])
  })

  it('in messages of the program are of commands and flags that there are', async () => {
    const names = await readdir(join(repository, 'src'), { recursive: true })
    const files = names.filter((name) => name.endsWith('.ts')).map((name) => `src/${name}`)
    const told = (await Promise.all([...files, 'share/systemd/xnatfs@.service'].map(linesIn))).flat()
    expect(told.length).toBeGreaterThan(40)
    expect(told.flatMap(mistakes)).toEqual([])
  })

  it('would be found to be wrong if they were', () => {
    const where = 'here'
    const wrong = [
      'xnatfs mout ~/x',
      'xnatfs umount --fast ~/x',
      'xnatfs pending resend',
      'xnatfs mount --lazy',
    ]
    expect(wrong.flatMap((line) => mistakes({ where, line }))).toHaveLength(4)
    expect(mistakes({ where, line: 'xnatfs pending retry --take-over' })).toEqual([])
  })

  /** A directory or URL is no word of ours, and a star or dots stand for any. */
  const mistakes = ({ where, line }: Told): Told[] => {
    const words = line.split(/[ |]+/).slice(1)
    if (!/^[a-z]+$/.test(words[0] ?? '')) return [] // --help, --version, COMMAND, a URL
    const isParent = (commands.get(words[0]!)?.commands.length ?? 0) > 0
    const name =
      isParent && words[1] !== undefined && !words[1].startsWith('-') ? words.slice(0, 2) : [words[0]!]
    const command = commands.get(name.join(' '))
    if (name[0] === 'help') return []
    if (!command) return [{ where, line }]
    const known = [...command.options.flatMap(({ long, short }) => [long, short]), '--help']
    const flags = words
      .filter((word) => /^--?[a-z]/.test(word))
      .map((word) => word.replace(/=.*|[.,;…].*$/, ''))
    return flags.every((flag) => known.includes(flag)) ? [] : [{ where, line }]
  }
})

/** Between backticks, and in lines of blocks. */
async function linesIn(path: string): Promise<Told[]> {
  const text = await readFile(join(repository, path), 'utf8')
  const spans = [...text.matchAll(/`(xnatfs [^`\\\n]+)\\?`/g)].map(([, line]) => line!)
  const blocks = [...text.matchAll(/^(?:.*(?:&& |\/env |\$ |first=\$\())?(xnatfs [a-z][^#\n`]*)/gm)]
  const shown = path.endsWith('.md') ? blocks.filter(inBlock(text)) : path.endsWith('.service') ? blocks : []
  const lines = [...spans, ...shown.map(([, line]) => line!)]
  return lines.map((line) => ({ where: path, line: line.trim() }))
}

function inBlock(text: string): (match: RegExpExecArray) => boolean {
  return ({ index }) => (text.slice(0, index).match(/^```/gm)?.length ?? 0) % 2 === 1
}
