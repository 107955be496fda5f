import {
  access,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { program, repository, run, shell, xnatfs } from '../support/processes.js'
import { codeBlocks, readmeText } from '../support/readme.js'
import type { CodeBlock } from '../support/readme.js'
import { Server } from '../support/server.js'

/** What of README.md is not run as it stands (`readme.test.ts`): it names somebody else's server, image or file. */
describe('a block of the README', () => {
  let server: Server
  let home: string
  let env: Record<string, string>
  let blocks: CodeBlock[]
  beforeAll(async () => {
    server = await Server.start()
    home = await realpath(await mkdtemp(join(tmpdir(), 'xnatfs-blocks-')))
    const bin = join(home, 'bin')
    await mkdir(bin)
    await symlink(program, join(bin, 'xnatfs'))
    await symlink(join(repository, 'test/support/docker'), join(bin, 'docker'))
    env = {
      HOME: home,
      PATH: `${bin}:${process.env['PATH']}`,
      XDG_RUNTIME_DIR: home,
      NETRC: '/dev/null',
      DOCKER_IMAGES: join(home, 'images'),
    }
    blocks = codeBlocks(await readmeText()).filter(({ language }) => !['sh', 'python'].includes(language))
  })
  afterAll(async () => {
    const path = join(home, 'xnat')
    if (await mountAt(path)) await unmount(path, { lazy: true })
    await server.stop()
    await rm(home, { recursive: true })
  })
  const ours = (text: string): string => text.replaceAll('https://xnat.example.org', server.url)
  const block = (beginning: string): string => blocks.find(({ code }) => code.startsWith(beginning))!.code
  /** Runs lines on a terminal on which somebody answers: what is asked, and what is typed then. */
  const typed = (lines: string, answers: readonly (readonly [string, string])[] = []): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn('script', ['-qec', lines.trim().replaceAll('\n', ' && '), '/dev/null'], {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      const open = [...answers]
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (open[0] && said.includes(open[0][0])) child.stdin.write(`${open.shift()![1]}\n`)
      })
      child.once('close', (code) => resolve(`${said}\n${code}`))
    })

  it('has a test here, in readme.test.ts, or where systems are mounted by mount(8)', () => {
    const begins = blocks.map(({ code }) => code.split(/\s/)[0])
    expect(begins).toEqual([
      'xnatfs',
      'scripts/demo',
      'docker',
      'cache-size',
      'https://xnat.example.org',
      '~/xnat',
    ])
  })

  it('mounts in two commands, for somebody who has never been there', async () => {
    const said = await typed(ours(block('xnatfs login')), [
      ['User at', server.user],
      ['Password of', server.password],
    ])
    expect(said).not.toContain(server.password)
    expect(said).toMatch(/logged in at .* as admin[^]*is mounted on[^]*\n0$/)
    expect(await readdir(join(home, 'xnat'))).toContain('TEST')
    expect(await shell('xnatfs umount ~/xnat && xnatfs logout', { env })).toMatch(/logged out at/)
  })

  it('names a demonstration that shows what it says', async () => {
    const [line] = block('scripts/demo').split('#')
    const path = join(repository, line!.trim())
    await access(path, constants.X_OK)
    const last = (await readFile(path, 'utf8')).trimEnd().split('\n').at(-1)!
    expect(last).toBe('exec node dist/cli/main.js demo "$@"')
    const { code, stdout } = await xnatfs(['demo'], { env })
    expect(code).toBe(0)
    for (const words of ['$ xnatfs serve', '$ xnatfs mount', '$ ls -l', '$ dcm2niix', '.nii', 'Done: '])
      expect(stdout).toContain(words)
  })

  it('names what packing wants', async () => {
    const line = /^npm ci && npm pack .*needs (.*)$/m.exec(block('scripts/demo'))![1]!
    const setup = await readFile(join(repository, 'scripts/setup'), 'utf8')
    for (const name of line.split(/, | and /)) expect(/^packages.*$/gm.exec(setup)!.input).toContain(name)
  })

  it('hands a BIDS app its folders, the data read-only', async () => {
    const image = join(home, 'images/nipreps')
    await mkdir(join(image, 'files'), { recursive: true })
    const app = [
      '#!/bin/sh -e',
      '[ "$*" = "/data /out participant --participant-label 1" ]',
      'grep BIDSVersion "$1/dataset_description.json"',
      'ls "$1/sub-1/anat/sub-1_T1w.nii.gz"',
      '! touch "$1/x" 2>/dev/null',
      'echo fine > "$2/report.html"',
    ]
    await writeFile(join(image, 'files/entrypoint'), app.join('\n'), { mode: 0o755 })
    await shell(`tar -cf mriqc.tar -C files .`, { cwd: image })
    await mkdir(join(home, 'bids/sub-1/anat'), { recursive: true })
    await writeFile(join(home, 'bids/dataset_description.json'), '{"Name": "TEST", "BIDSVersion": "1.8.0"}')
    await writeFile(join(home, 'bids/sub-1/anat/sub-1_T1w.nii.gz'), '')
    await shell(block('docker run'), { env })
    expect(await readFile(join(home, 'out/report.html'), 'utf8')).toBe('fine\n')
  })

  it('is a configuration file that says what its comment says', async () => {
    await mkdir(join(home, '.config/xnatfs'), { recursive: true })
    const text = block('cache-size')
    await writeFile(join(home, '.config/xnatfs/config.toml'), ours(text))
    const shown = await shell('xnatfs config show --profile lab', { env })
    const place = `\\[profile\\.lab\\] of ${home}/\\.config/xnatfs/config\\.toml`
    expect(shown).toMatch(new RegExp(`^url +${server.url} +${place}$`, 'm'))
    expect(shown).toMatch(new RegExp(`^read-only +true +${place}$`, 'm'))
    expect(shown).toMatch(/^cache-size +53687091200 +\/\S+config\.toml$/m)
    const command = /# (xnatfs mount .*)$/m.exec(text)![1]!.replace('~/lab', '~/xnat')
    const said = await typed(`XNAT_USER=${server.user} XNAT_PASS=${server.password} ${command}`)
    expect(said).toMatch(/is mounted on[^]*\n0$/)
    expect((await mountAt(join(home, 'xnat')))?.source).toBe(server.url)
    await rm(join(home, '.config'), { recursive: true })
    await shell('xnatfs umount ~/xnat', { env })
  })

  it('is a tree that a mount makes, and lists', async () => {
    const files = filesOf(block('~/xnat'))
    expect(files).toHaveLength(8)
    const mount = `XNAT_PASS=${server.password} xnatfs mount ~/xnat --url ${server.url} --user ${server.user}`
    await shell(`${mount} --allow-create entities --allow-raw-writes`, { env })
    for (const file of files) {
      await mkdir(join(home, 'xnat', dirname(file)), { recursive: true })
      await writeFile(join(home, 'xnat', file), file)
    }
    await shell(`xnatfs umount ~/xnat && ${mount} --read-only`, { env })
    const found = await run('find', ['STUDY', '-type', 'f'], { cwd: join(home, 'xnat') })
    expect(found.stdout.trim().split('\n').toSorted()).toEqual(files.toSorted())
    for (const file of files) expect(await readFile(join(home, 'xnat', file), 'utf8')).toBe(file)
  })
})

/** The files of a tree that is drawn with lines, from its root; a star is a name. */
function filesOf(drawn: string): string[] {
  const files: string[] = []
  const way: string[] = []
  for (const line of drawn.trimEnd().split('\n').slice(1)) {
    const [, lines, name] = /^([│├└─ ]*)(\S+)/.exec(line)!
    const depth = lines!.length / 4 - 1
    way.splice(depth, way.length, name!)
    if (/\.\w+(\.gz)?$/.test(name!)) files.push(way.join('/').replace('*', '1'))
  }
  return files
}
