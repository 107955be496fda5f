import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shells } from '../../src/cli/manual/completions.js'
import type { Shell } from '../../src/cli/manual/completions.js'
import { allCommands } from '../support/commands.js'
import { repository, run, shell, xnatfs } from '../support/processes.js'

/** What the shells themselves offer, for the script that `xnatfs completion` prints. */
describe('completion', () => {
  const commands = allCommands()
  let folder: string
  let asked = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-completion-'))
    await writeFile(join(folder, 'a-file'), '')
    for (const name of shells)
      await writeFile(join(folder, name), (await xnatfs(['completion', name])).stdout)
  })
  afterAll(() => rm(folder, { recursive: true }))

  /** What is offered for each line, in alphabetic order. */
  const offered: Record<Shell, (lines: readonly string[]) => Promise<string[][]>> = {
    bash: async (lines) => {
      const script = lines.map((line) => {
        const words = line.split(' ')
        return [
          `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; COMPREPLY=()`,
          // bash itself offers files where the function has nothing.
          '_xnatfs; ((${#COMPREPLY[@]})) || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))',
          'printf "%s\\n" "${COMPREPLY[@]}" END',
        ].join('\n')
      })
      return blocks(await shell([`source ${folder}/bash`, `cd ${folder}`, ...script].join('\n')))
    },
    zsh: async (lines) => {
      const output = join(folder, `offered-${++asked}`)
      const script = join(repository, 'test/support/complete.zsh')
      const { code } = await run('zsh', ['-f', script, join(folder, 'zsh'), output, ...lines], {
        cwd: folder,
      })
      expect(code).toBe(0)
      return blocks(await readFile(output, 'utf8'))
    },
    fish: async (lines) => {
      const questions = lines.map((line) => `complete -C '${line}' | string replace -r '\\t.*' ''; echo END`)
      const script = [`source ${folder}/fish`, `cd ${folder}`, ...questions].join('\n')
      const { code, stdout } = await run('fish', ['--no-config', '-c', script])
      expect(code).toBe(0)
      return blocks(stdout)
    },
  }

  it.each(shells)('of %s is a script that the shell can read', async (name) => {
    expect(await run(name, ['-n', join(folder, name)])).toMatchObject({ code: 0, stderr: '' })
  })

  it.each(shells)('by %s offers each command that there is', async (name) => {
    const parents = commands.filter(({ command }) => command.commands.length > 0)
    const lines = ['xnatfs ', ...parents.map((parent) => `xnatfs ${parent.name} `)]
    const [top, ...below] = await offered[name](lines)
    expect(words(top!)).toEqual(
      commands
        .map((one) => one.name)
        .filter((one) => !one.includes(' '))
        .toSorted(),
    )
    expect(below.map(words)).toEqual(
      parents.map(({ command }) => command.commands.map((child) => child.name()).toSorted()),
    )
  })

  it.each(shells)('by %s offers exactly the options of each command', async (name) => {
    const leaves = commands.filter(({ command }) => command.commands.length === 0)
    const found = await offered[name](leaves.map((leaf) => `xnatfs ${leaf.name} --`))
    expect(leaves.map((leaf, i) => [leaf.name, found[i]])).toEqual(
      leaves.map(({ name: leaf, command }) => [
        leaf,
        [...command.options.flatMap(({ long }) => long ?? []), '--help'].toSorted(),
      ]),
    )
  })

  it.each(shells)('by %s offers exactly the values of options and arguments that have some', async (name) => {
    const cases = commands.flatMap(({ name: command, command: { options, registeredArguments } }) => [
      ...options.flatMap(({ long, argChoices }) =>
        long !== undefined && argChoices ? [{ line: `xnatfs ${command} ${long} `, argChoices }] : [],
      ),
      ...registeredArguments.flatMap(({ argChoices }) =>
        argChoices ? [{ line: `xnatfs ${command} `, argChoices }] : [],
      ),
    ])
    expect(cases.length).toBeGreaterThan(15)
    const found = await offered[name](cases.map(({ line }) => line))
    expect(cases.map(({ line }, i) => [line, words(found[i]!)])).toEqual(
      cases.map(({ line, argChoices }) => [line, argChoices.toSorted()]),
    )
  })

  it.each(shells)('by %s offers files for paths, and nothing for what only a user knows', async (name) => {
    const [cacheDir, mountpoint, user, state] = await offered[name]([
      'xnatfs mount --cache-dir a-f',
      'xnatfs umount a-f',
      'xnatfs mount --user a-f',
      'xnatfs serve --state a-f',
    ])
    expect([cacheDir, mountpoint, state]).toEqual([['a-file'], ['a-file'], ['a-file']])
    expect(user!.filter((word) => word !== 'a-file' || name !== 'bash')).toEqual([])
  })

  it.each(shells)('by %s goes by the command, not by what its arguments are called', async (name) => {
    const [options, pending] = await offered[name]([
      'xnatfs umount serve --',
      'xnatfs pending export mount --',
    ])
    expect([options, pending]).toEqual([['--help', '--lazy'], ['--help']])
  })
})

function blocks(text: string): string[][] {
  const lines = text.split('\n').slice(0, -1)
  const found: string[][] = [[]]
  for (const line of lines) {
    if (line === 'END') found.push([])
    else if (line !== '') found.at(-1)!.push(line)
  }
  return found.slice(0, -1).map((block) => [...new Set(block)].toSorted())
}

function words(offers: readonly string[]): string[] {
  return offers.filter((offer) => !offer.startsWith('-'))
}
