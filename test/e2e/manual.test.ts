import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describe as describeProgram } from '../../src/cli/manual/describe.js'
import { shells } from '../../src/cli/manual/completions.js'
import { configKeys } from '../../src/cli/options.js'
import { createProgram } from '../../src/cli/program.js'
import { repository, run, shell, xnatfs } from '../support/processes.js'

/** Help, man page, completions and keys of the configuration file say the same, for they come from one table. */
describe('what is said of commands and options', () => {
  const commands = describeProgram(createProgram(() => {}))
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xnatfs-manual-'))
    for (const name of shells)
      await writeFile(join(folder, name), (await xnatfs(['completion', name])).stdout)
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('has all of it in the help', async () => {
    expect(commands.length).toBeGreaterThan(20)
    const helps = await Promise.all(commands.map(({ name }) => xnatfs([...name.split(' '), '--help'])))
    for (const [i, { name, options, subcommands }] of commands.entries()) {
      const { code, stdout } = helps[i]!
      expect([name, code]).toEqual([name, 0])
      for (const word of [...options.map(({ flag }) => flag), ...subcommands])
        expect([name, word, stdout.includes(word)]).toEqual([name, word, true])
    }
  })

  it('has all of it in the man page, which man can read', async () => {
    const page = join(repository, 'share/man/xnatfs.1')
    const plain = (await readFile(page, 'utf8'))
      .replace(/\\-/g, '-')
      .replace(/\\\(dq/g, '"')
      .replace(/\\e/g, '\\')
    for (const { name, description, options } of commands) {
      expect(plain).toContain(`.SS "xnatfs ${name} `)
      expect(plain).toContain(description.slice(1))
      for (const { flag, help } of options) {
        expect(plain).toContain(`.B "${flag}`)
        expect(plain).toContain(help)
      }
    }
    expect(plain).toContain(`Keys of the configuration file: ${configKeys().join(', ')}.`)
    const { code, stderr } = await run('groff', ['-man', '-Tutf8', '-ww', '-z', page])
    expect([code, stderr]).toEqual([0, ''])
  })

  it.each(shells)('has all of it in the completion of %s', async (name) => {
    const script = await readFile(join(folder, name), 'utf8')
    for (const command of commands)
      for (const word of [command.name.replace(/^.* /, ''), ...command.options.map(({ flag }) => flag)])
        expect([command.name, word, script.includes(word.replace(/^--/, ''))]).toEqual([
          command.name,
          word,
          true,
        ])
    expect(await run(name, ['-n', join(folder, name)])).toMatchObject({ code: 0, stderr: '' })
  })

  it.each([
    ['xnatfs pre', ['prefetch']],
    ['xnatfs mount --allow-o', ['--allow-other']],
    ['xnatfs mount --driver lib', ['libfuse3']],
    ['xnatfs pending ', ['list', 'retry', 'export', 'discard', '--help']],
    ['xnatfs pending retry --take', ['--take-over']],
    ['xnatfs config show --prof', ['--profile']],
  ])('bash completes %j', async (line, expected) => {
    const words = line.split(' ')
    const lines = [
      `source ${folder}/bash`,
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length - 1}`,
      '_xnatfs',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    expect((await shell(lines.join('; '))).trim().split('\n')).toEqual(expected)
  })

  it.each([
    ['xnatfs pre', ['prefetch']],
    ['xnatfs mount --allow-o', ['--allow-other']],
    ['xnatfs mount --driver lib', ['libfuse3']],
    ['xnatfs pending re', ['retry']],
    ['xnatfs pending retry --take', ['--take-over']],
    ['xnatfs config show --prof', ['--profile']],
  ])('zsh completes %j', async (line, expected) => {
    const output = join(folder, `offered-${expected[0]}`)
    const script = join(repository, 'test/support/complete.zsh')
    const { code } = await run('zsh', ['-f', script, join(folder, 'zsh'), output, line], {
      timeoutMs: 20_000,
    })
    expect([code, (await readFile(output, 'utf8')).trim().split('\n')]).toEqual([0, [...expected, 'END']])
  })

  it.each([
    ['xnatfs pre', ['prefetch']],
    ['xnatfs mount --allow-o', ['--allow-other']],
    ['xnatfs mount --driver lib', ['libfuse3']],
    ['xnatfs pending re', ['retry']],
    ['xnatfs pending retry --take', ['--take-over']],
  ])('fish completes %j', async (line, expected) => {
    const { stdout } = await run('fish', [
      '--no-config',
      '-c',
      `source ${folder}/fish; complete -C '${line}'`,
    ])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((found) => found.split('\t')[0]),
    ).toEqual(expected)
  })
})
