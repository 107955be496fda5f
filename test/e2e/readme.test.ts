import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probeFuseDevice } from '../../src/fuse/fuse-device.js'
import { mountAt, unmount } from '../../src/fuse/mountpoint.js'
import { offlineNpm, packedOnce } from '../support/packed.js'
import { end, firstLine, repository, run, shell } from '../support/processes.js'
import type { Outcome } from '../support/processes.js'
import { codeBlocks, messagesOf, readmeText } from '../support/readme.js'
import type { CodeBlock } from '../support/readme.js'

const serverOfReadme = '127.0.0.1:8080'
const password = 'admin-pass'
const session = 'projects/TEST/subjects/1/experiments/MR1'

/** A machine on which nobody has used xnatfs: README.md is all that its new user knows. */
describe('the README', () => {
  let home: string
  let env: Record<string, string>
  let readme: string
  let host: string
  let server: ChildProcess | undefined
  let bare: string
  /** What each block printed. */
  const outputs = new Map<string, string>()
  /** Connecting is tried for some seconds, in which the recipes go on. */
  let refused: Promise<Outcome> | undefined
  beforeAll(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), 'xnatfs-readme-')))
    const prefix = join(home, '.local')
    env = {
      ...offlineNpm(prefix, home),
      HOME: home,
      PATH: `${prefix}/bin:${process.env['PATH']}`,
      XDG_RUNTIME_DIR: join(home, 'run'),
      NETRC: join(home, '.netrc'),
    }
    await mkdir(env['XDG_RUNTIME_DIR']!, { mode: 0o700 })
    host = `127.0.0.1:${await freePort()}`
    readme = (await readmeText()).replaceAll(serverOfReadme, host)
    readme = readme.replace('serve --port 8080', `serve --port ${host.split(':')[1]}`)
    const { path } = await packedOnce()
    await copyFile(path, join(home, basename(path)))
    bare = await barePath(join(home, 'bin'))
    for (const block of codeBlocks(readme)) {
      if (['sh', 'python'].includes(block.language)) outputs.set(block.code, await runBlock(block))
      if (block.code.includes('npm install')) refused = meetNobody(home, env)
    }
  })
  afterAll(async () => {
    for (const path of [join(home, 'xnat'), join(home, 'm')])
      if (await mountAt(path)) await unmount(path, { lazy: true })
    if (server) await end(server)
    await rm(home, { recursive: true })
  })
  const runBlock = async ({ language, code }: CodeBlock): Promise<string> => {
    if (language === 'python') return succeeded(code, await run('/usr/bin/python3', ['-c', code], { env }))
    if (code.startsWith('xnatfs serve')) return serve(code)
    const file = join(home, 'block.sh')
    await writeFile(file, `set -euo pipefail\ncd\n${code}`)
    if (code.includes('xnatfs login')) return typed(file)
    const isInstallation = code.includes('npm install')
    const path = isInstallation ? { PATH: `${home}/.local/bin:${bare}` } : {}
    return succeeded(code, await run('/bin/bash', [file], { env: { ...env, ...path }, timeoutMs: 100_000 }))
  }
  const serve = (code: string): Promise<string> => {
    server = spawn('bash', ['-c', `exec ${code}`], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return firstLine(server, code)
  }
  /** With a terminal, on which somebody types the password. */
  const typed = async (file: string): Promise<string> => {
    const script = spawn('script', ['-qec', `bash ${file}`, '/dev/null'], { env: { ...process.env, ...env } })
    let said = ''
    script.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    script.stdin.write(`${password}\n`)
    const code = await new Promise((resolve) => script.once('exit', resolve))
    expect([said, code]).toEqual([expect.any(String), 0])
    return said
  }
  const outputOf = (word: string): string =>
    [...outputs].find(([code]) => code.includes(word))?.[1] ?? `no block has ${word}`
  const stored = async (path: string): Promise<Buffer> => {
    const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
    const answer = await fetch(`http://${host}/data/${session}/${path}`, { headers: { authorization } })
    expect([path, answer.status]).toEqual([path, 200])
    return Buffer.from(await answer.arrayBuffer())
  }

  it('leads from the installation to a converted scan that the server has', async () => {
    expect(outputOf('xnatfs login')).toMatch(/logged in at .* as admin[^]*is mounted on/)
    const [nifti] = /\S+\.nii\.gz$/m.exec(outputOf('MR1/scans/1/NIFTI')) ?? []
    const sent = await stored(`scans/1/resources/NIFTI/files/${nifti}`)
    expect(sent.length).toBeGreaterThan(1000)
    const backup = join(home, 'backup/TEST/1/MR1')
    expect((await readFile(join(backup, 'scans/1/NIFTI', nifti!))).equals(sent)).toBe(true)
    expect(outputOf('import nibabel')).toMatch(/scans\/1\/NIFTI\/.*\.nii\.gz \(\d+, \d+, \d+\) \d/)
    expect(await readdir(join(home, 'bids/sub-1/anat'))).toContain('sub-1_T1w.nii.gz')
  })

  it('installs all of it, without network and compiler, and with the driver libfuse3', async () => {
    const prefix = join(home, '.local')
    for (const program of ['xnatfs', 'mount.xnatfs'])
      expect((await stat(join(prefix, 'bin', program))).mode & 0o111).not.toBe(0)
    expect((await stat(join(prefix, 'share/man/man1/xnatfs.1'))).isFile()).toBe(true)
    const [log] = await readdir(join(home, '.local/state/xnatfs/log'))
    expect(await readFile(join(home, '.local/state/xnatfs/log', log!), 'utf8')).toContain('(driver libfuse3:')
  })

  it('uploads results, and backs up what is there, once', async () => {
    expect((await stored('resources/STATS/files/snr.csv')).toString()).toBe('scan,snr\n1,41.7\n')
    expect(outputOf('rsync -a')).toBe('')
    const dicom = join(home, 'backup/TEST/1/MR1/scans/1/DICOM/1.dcm')
    expect((await readFile(dicom)).equals(await stored('scans/1/resources/DICOM/files/1.dcm'))).toBe(true)
    expect(await mountAt(join(home, 'xnat'))).toBeUndefined()
  })

  it('has the messages that the program prints', async () => {
    const causes = new Map(causesOf(host, home, env, refused!))
    const messages = messagesOf(readme, 'message')
    expect(messages.map(([message]) => message)).toEqual([...causes.keys()])
    for (const parts of messages) {
      const said = await causes.get(parts[0]!)!()
      for (const part of parts) expect(said).toContain(part)
    }
  })
})

/** With a log of its own, beside that of the recipes. */
function meetNobody(home: string, env: Readonly<Record<string, string>>): Promise<Outcome> {
  return run('bash', ['-c', 'xnatfs mount ~/r --guest --url http://127.0.0.1:9'], {
    env: { ...env, XDG_STATE_HOME: join(home, 'refused') },
  })
}

type Cause = readonly [message: string, cause: () => Promise<string>]

/** In the order of the table; a mount that a reader uses on the way is there from its message on to the last but one. */
function causesOf(
  host: string,
  home: string,
  env: Readonly<Record<string, string>>,
  refused: Promise<Outcome>,
): Cause[] {
  const url = `http://${host}`
  const log = '$HOME/.local/state/xnatfs/log/*'
  const scan = '~/m/TEST/1/MR1/scans/1/DICOM'
  const sh =
    (line: string, also: Record<string, string> = {}) =>
    async (): Promise<string> => {
      const { stdout, stderr } = await run('bash', ['-c', line], {
        env: { ...env, ...also, HOME: home, LC_ALL: 'C' },
      })
      return stdout + stderr
    }
  const mount = (flags: string): string => `xnatfs mount ~/m --url ${url} ${flags}`
  const control = (what: string, flags: string): string => `curl -fsS ${url}/__emulator/${what} ${flags}`
  const faults = (status: number): string =>
    control('faults', `-X PUT -d '[{"path":"/data/JSESSION","fault":{"kind":"status","status":${status}}}]'`)
  const noFaults = control('faults', "-X PUT -d '[]'")
  const netrc = `machine ${host} login reader password reader-pass`
  return [
    ['server: none is named; give --url', sh('xnatfs mount ~/m')],
    ['cannot connect (ECONNREFUSED)', async () => (await refused).stderr],
    [
      'certificate is not trusted',
      async () => {
        const reach = await readFile(join(repository, 'test/integration/reach.test.ts'), 'utf8')
        return /certificate is not trusted/.exec(reach)?.[0] ?? 'reach.test.ts provokes it no more'
      },
    ],
    [
      'no XNAT answers here',
      sh(`${faults(404)}; ${mount('--user reader')}; ${noFaults}`, { XNAT_PASS: 'reader-pass' }),
    ],
    ['the server refused user', sh(mount('--user reader'), { XNAT_PASS: 'wrong' })],
    ['no password for user', sh(mount('--user reader'))],
    [
      'can be read by others; run',
      sh(`echo ${netrc} > ~/.netrc; chmod 644 ~/.netrc; ${mount('--user reader')}; rm ~/.netrc`),
    ],
    ['is not empty', sh(`xnatfs mount ~ --url ${url}`)],
    [
      'is mounted on',
      sh(`${mount('--user reader')}; ${mount('--user reader')}`, { XNAT_PASS: 'reader-pass' }),
    ],
    ['/dev/fuse is not there', async () => (await probeFuseDevice(join(home, 'absent')))!.reason],
    ['Operation not permitted', sh(`rm ${scan}/1.dcm`)],
    ['Read-only file system', sh('touch ~/m/TEST/1/MR1/scans/ALL/new')],
    [
      'the server stored nothing: this user may not edit here',
      sh('echo x > ~/m/TEST/1/MR1/resources/QC/new; xnatfs status ~/m'),
    ],
    ['files are not on the server', sh('echo y > ~/m/TEST/1/MR1/resources/QC/newer; xnatfs flush ~/m')],
    [
      'log-in is needed',
      sh(
        `${faults(401)}; ${control('expire-sessions', '-X POST')}; ls ~/m/ODD; tail -n 5 ${log}; ${noFaults}`,
      ),
    ],
    ['Device or resource busy', sh('cd ~/m; xnatfs umount ~/m')],
    ['nothing is mounted there', sh('xnatfs umount ~/m; xnatfs umount ~/m')],
  ]
}

/** A PATH with what a machine has that compiles nothing. */
async function barePath(folder: string): Promise<string> {
  await mkdir(folder)
  for (const program of ['node', 'npm', 'sh', 'env', 'fusermount3', 'dirname', 'uname'])
    await symlink((await shell(`command -v ${program}`)).trim(), join(folder, program))
  return folder
}

function succeeded(what: string, { code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`'${what}' ended with ${code}: ${stdout}${stderr}`)
  return stdout
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}
