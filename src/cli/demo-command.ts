import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import type { DemoFlags } from './flags.js'

interface Served {
  readonly url: string
  readonly user: string
  readonly password: string
}

/**
 * `xnatfs demo`: the main job on an embedded XNAT, by the very commands a user would type. Everything happens in a
 * temporary folder, which is removed at the end.
 */
export async function demoCommand(flags: DemoFlags): Promise<ExitCode> {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-demo-'))
  const demo = new Demo(folder)
  process.once('SIGINT', () => demo.interrupt())
  process.once('SIGTERM', () => demo.interrupt())
  try {
    await demo.run(flags.keep ?? false)
  } finally {
    await demo.end()
    await rm(folder, { recursive: true })
  }
  return exitCodes.success
}

/** Lines of a tool's output that are shown. */
const shownLines = 14

class Demo {
  readonly #folder: string
  readonly #mountpoint: string
  readonly #interrupted: Promise<never>
  interrupt: () => void = () => {}
  #server: ChildProcess | undefined
  #served: Served | undefined
  #isMounted = false

  constructor(folder: string) {
    this.#folder = folder
    this.#mountpoint = join(folder, 'xnat')
    this.#interrupted = new Promise((_, reject) => {
      this.interrupt = () => reject(failed('demo', 'was interrupted'))
    })
    this.#interrupted.catch(() => {})
  }

  async run(isKept: boolean): Promise<void> {
    const scan = `${this.#mountpoint}/TEST/1/MR1/scans/1`
    say('1. An XNAT of our own, with a small phantom in it')
    this.#served = await this.#serve()
    say('2. Mount it')
    await this.#shell(
      `xnatfs mount ${this.#mountpoint} --url ${this.#served.url} --user ${this.#served.user}`,
    )
    this.#isMounted = true
    say('3. Look around: projects, subjects, sessions, scans, resources and files are folders and files')
    await this.#shell(`find ${this.#mountpoint}/TEST/1/MR1 -maxdepth 3`)
    await this.#shell(`ls -l ${scan}/DICOM`)
    say('4. Convert DICOM to NIfTI straight on the mount, into a new resource')
    await this.#shell(`mkdir ${scan}/NIFTI`)
    await this.#shell(`dcm2niix -f %p_%s -o ${scan}/NIFTI ${scan}/DICOM`)
    const listing = await this.#shell(`ls -l ${scan}/NIFTI`)
    if (!/\.nii/.test(listing)) throw failed('dcm2niix', 'made no NIfTI file on the mount')
    say('5. Another client sees them on the server, byte for byte')
    await this.#compare(scan)
    if (isKept) await this.#keep()
    say('6. Unmount')
    await this.#shell(`xnatfs umount ${this.#mountpoint}`)
    this.#isMounted = false
    say('Done: DICOM was read from the mount, NIfTI written to it, and the server has the same bytes.')
  }

  async end(): Promise<void> {
    if (this.#isMounted) await this.#shell(`xnatfs umount --lazy ${this.#mountpoint}`)
    const server = this.#server
    if (!server || server.exitCode !== null) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
  }

  async #serve(): Promise<Served> {
    process.stdout.write('$ xnatfs serve\n')
    const server = spawn(process.execPath, [process.argv[1]!, 'serve', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#server = server
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: server.stdout }).once('line', resolve)
      server.once('exit', (code) => reject(failed('xnatfs serve', `ended with ${code}`)))
    })
    const served = JSON.parse(line) as Served
    const netrc = `machine ${new URL(served.url).host} login ${served.user} password ${served.password}\n`
    await writeFile(join(this.#folder, 'netrc'), netrc, { mode: 0o600 })
    // curl looks for the host without its port.
    await writeFile(join(this.#folder, 'curlrc'), `user = "${served.user}:${served.password}"\n`, {
      mode: 0o600,
    })
    process.stdout.write(`it answers at ${served.url}\n`)
    return served
  }

  async #compare(scan: string): Promise<void> {
    const files = `${this.#served!.url}/data/projects/TEST/subjects/1/experiments/MR1/scans/1/resources/NIFTI/files`
    const table = await this.#shell(`curl -s -K ${this.#folder}/curlrc '${files}?format=csv'`)
    const names = [...table.matchAll(/[\w.+-]+\.(?:nii(?:\.gz)?|json)\b/g)].map(([name]) => name)
    for (const name of new Set(names)) {
      const remote = await this.#shell(`curl -s -K ${this.#folder}/curlrc '${files}/${name}' | md5sum`)
      const local = await this.#shell(`md5sum < ${scan}/NIFTI/${name}`)
      if (remote !== local) throw failed(name, 'differs between the server and the mount')
    }
    if (names.length === 0) throw failed(files, 'the server lists no NIfTI file there')
  }

  async #keep(): Promise<void> {
    say(`The mount stays at ${this.#mountpoint} until Ctrl-C.`)
    await this.#interrupted.catch(() => {})
  }

  /** Runs a command line as a user would, and shows it and the beginning of what it says. */
  async #shell(line: string): Promise<string> {
    process.stdout.write(`$ ${line.replaceAll(this.#folder, '$DEMO')}\n`)
    const child = spawn(
      'bash',
      ['-o', 'pipefail', '-c', `xnatfs() { "$XNATFS_NODE" "$XNATFS_MAIN" "$@"; }\n${line}`],
      {
        env: {
          ...withoutOwn(process.env),
          NETRC: join(this.#folder, 'netrc'),
          XDG_CACHE_HOME: join(this.#folder, 'cache'),
          XDG_CONFIG_HOME: join(this.#folder, 'config'),
          XDG_STATE_HOME: join(this.#folder, 'state'),
          XNATFS_NODE: process.execPath,
          XNATFS_MAIN: process.argv[1],
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
    const code = await Promise.race([exit, this.#interrupted])
    show(text.replaceAll(this.#folder, '$DEMO'))
    if (code !== 0) throw failed(line, `ended with ${code}`)
    return text
  }
}

/** What is meant for a server of the user's own is neither sent to this one nor in its way. */
function withoutOwn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('XNAT_')))
}

function failed(thing: string, reason: string): CliError {
  const nextStep = 'see what it says above, and what `xnatfs doctor` says of this machine'
  return new CliError(exitCodes.failure, { thing, reason, nextStep })
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`)
}

function show(text: string): void {
  const lines = text.trimEnd().split('\n')
  process.stdout.write(
    lines
      .slice(0, shownLines)
      .map((line) => `  ${line}\n`)
      .join(''),
  )
  if (lines.length > shownLines) process.stdout.write(`  … ${lines.length - shownLines} more lines\n`)
}
