import { execFileSync, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FileEntry } from '../../archive/archive.js'
import { mountAt } from '../../fuse/mountpoint.js'
import { FsError } from '../../util/fs-error.js'
import { Log, causeChain, printable } from '../../util/log.js'
import { assemble } from '../assemble.js'
import type { Assembly } from '../assemble.js'
import { CliError, exitCodes } from '../exit.js'
import type { ExitCode } from '../exit.js'
import { findLogIn } from '../find-log-in.js'
import { findMount } from '../find-mount.js'
import type { BenchFlags } from '../flags.js'
import { MountCache } from '../mount-cache.js'
import type { MountPlan } from '../mount.js'
import { defaultMountFlags } from '../options.js'
import { withoutSecrets } from '../secret-environment.js'
import { reachOf } from '../server-access.js'
import { parseServerUrl, pathInArchive } from '../server-url.js'
import { countText, sizeText } from '../text.js'
import { benchTable } from './bench-table.js'
import type { Figures } from './bench-table.js'
import { fetchEach, fetchZips, requestsInFlight } from './downloads.js'
import { TemporaryMount, wireOf } from './temporary-mount.js'

/** Beyond, it has to be meant. */
const largeBytes = 2 * 1024 ** 3
const readAll = 'find "$IN" -type f -exec cat {} + > /dev/null'

/** In the table. */
const names = {
  zip: 'a zip of each resource, unpacked',
  each: `each file by a request, ${requestsInFlight} in flight, not kept`,
  cold: 'xnatfs, cold',
  again: 'xnatfs, again',
  remounted: 'xnatfs, remounted',
  local: 'local disk',
}

/**
 * `xnatfs bench`: how long it takes to read what is at a path in a mount, by a mount of its own and by what people do
 * instead, against the very server. Nothing is changed there, and the mount that is there is not used.
 */
export async function benchCommand(path: string, flags: BenchFlags): Promise<ExitCode> {
  if (!Number.isInteger(flags.rounds)) {
    const reason = `${flags.rounds} is no whole number`
    throw new CliError(exitCodes.usage, { thing: '--rounds', reason, nextStep: 'write it as 3' })
  }
  const target = await findTarget(path, flags)
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-bench-'))
  const bench = new Bench(target, flags, folder)
  const interrupt = (): void => bench.interrupt()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    await bench.run()
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await bench.end()
    await rm(folder, { recursive: true, force: true })
  }
  return exitCodes.success
}

interface Target {
  readonly url: string
  /** In the archive. */
  readonly path: string
  readonly shown: string
  readonly plan: Omit<MountPlan, 'mountpoint' | 'flags'>
}

async function findTarget(path: string, flags: BenchFlags): Promise<Target> {
  const found = await findMount(path)
  const source = (await mountAt(found.mountpoint))!.source
  const url = parseServerUrl(source)
  const logIn = await findLogIn(url, flags)
  const plan = { url, part: '', logIn, reach: reachOf(url, flags, process.env) }
  return { url, path: join(pathInArchive(source), found.path), shown: path, plan }
}

class Bench {
  readonly #target: Target
  readonly #flags: BenchFlags
  readonly #folder: string
  readonly #abort = new AbortController()
  readonly #ways = new Map<string, Figures[]>()
  #mount: TemporaryMount | undefined
  #direct: Assembly | undefined
  #count = 0

  constructor(target: Target, flags: BenchFlags, folder: string) {
    this.#target = target
    this.#flags = flags
    this.#folder = folder
  }

  interrupt(): void {
    this.#abort.abort(
      new CliError(exitCodes.failure, {
        thing: 'bench',
        reason: 'interrupted, and what was measured so far is not shown',
        nextStep: 'give fewer --rounds if it takes too long',
      }),
    )
    void this.#direct?.hangUp()
  }

  async run(): Promise<void> {
    const { rounds } = this.#flags
    const files = await this.#files()
    for (let round = 1; round <= rounds; round++) await this.#round(round, files)
    const { shown, url } = this.#target
    const what = `${countText(files.length, 'file')}, ${sizeText(bytesOf(files))}`
    const command = this.#flags.run ?? 'reading every file once, one after the other'
    const lines = [
      `${shown}: ${what}, of ${url}; ${command}; medians of ${countText(rounds, 'round')}`,
      '',
      ...benchTable(this.#ways, this.#ways.has(names.zip) ? names.zip : names.cold),
    ]
    process.stdout.write(`${lines.map(printable).join('\n')}\n`)
  }

  async end(): Promise<void> {
    try {
      await this.#mount?.end()
    } finally {
      await this.#direct?.close()
    }
  }

  async #files(): Promise<FileEntry[]> {
    const flags = { ...defaultMountFlags(), readOnly: true, cache: false, connections: requestsInFlight }
    const log = new Log({ level: 'error', write: (line) => process.stderr.write(`${line}\n`) })
    const { plan, url, path, shown } = this.#target
    const credentials = plan.logIn.credentials
    const cache = await MountCache.open({ url, user: credentials?.user, flags, log })
    const stagingDirectory = await this.#newFolder()
    this.#direct = assemble({ ...plan, credentials, flags, log, cache, stagingDirectory })
    const batches = await this.#direct.vfs.filesBelow(path, this.#abort.signal).catch((cause: unknown) => {
      const isAbsent = cause instanceof FsError && cause.code === 'ENOENT'
      const exitCode = isAbsent ? exitCodes.notFound : exitCodes.failure
      const reason = `cannot be listed: ${causeChain(cause)}`
      const nextStep = 'check the path by `ls`; with other options than its mount has, give those here too'
      throw new CliError(exitCode, { thing: shown, reason, nextStep }, { cause })
    })
    const files = batches.flatMap((batch) => batch.files)
    if (files.length === 0) {
      const nextStep = 'choose a folder that has some'
      throw new CliError(exitCodes.notFound, { thing: shown, reason: 'has no files to read', nextStep })
    }
    const bytes = bytesOf(files)
    if (bytes > largeBytes && !this.#flags.large) {
      const cost = `each of ${countText(this.#flags.rounds, 'round')} gets it from the server three times`
      throw new CliError(exitCodes.usage, {
        thing: shown,
        reason: `has ${sizeText(bytes)}, and ${cost}`,
        nextStep: 'choose a smaller folder, or say --large',
      })
    }
    return files
  }

  /** What slows the network down for a while slows everybody. */
  async #round(round: number, files: readonly FileEntry[]): Promise<void> {
    const say = (what: string): void =>
      void process.stderr.write(`round ${round} of ${this.#flags.rounds}: ${what}\n`)
    const folder = await this.#newFolder()
    if (isInstalled('unzip')) {
      say(names.zip)
      await this.#measureDirect(names.zip, (session) => this.#unpackAndRun(session, files, folder))
    } else if (round === 1) process.stderr.write('the zip is left out: unzip is not installed\n')
    if (this.#flags.run === undefined) {
      say(names.each)
      await this.#measureDirect(names.each, (session) => fetchEach(session, files))
    }
    say(names.cold)
    const cacheFolder = await this.#newFolder()
    await this.#measureMounts(cacheFolder, [names.cold, names.again])
    say(names.remounted)
    dropCaches()
    await this.#measureMounts(cacheFolder, [names.remounted])
    if (this.#ways.has(names.zip)) {
      dropCaches()
      await this.#measure(names.local, async () => {
        await this.#command(join(folder, 'files'))
        return {}
      })
    }
    await rm(folder, { recursive: true })
    await rm(cacheFolder, { recursive: true })
  }

  async #unpackAndRun(
    session: Assembly['session'],
    files: readonly FileEntry[],
    folder: string,
  ): Promise<void> {
    const zips = await fetchZips(session, files, folder)
    const into = join(folder, 'files')
    for (const [i, zip] of zips.entries()) {
      const unpacked = join(into, String(i))
      await mkdir(unpacked, { recursive: true })
      await this.#shell('unzip -q -d "$OUT" "$IN"', { IN: zip, OUT: unpacked })
    }
    await this.#command(into)
  }

  async #measureDirect(name: string, task: (session: Assembly['session']) => Promise<void>): Promise<void> {
    const { session, counters } = this.#direct!
    const before = wireOf(counters.requests)
    await this.#measure(name, async () => {
      await task(session)
      const after = wireOf(counters.requests)
      return { requests: after.requests - before.requests, bytes: after.bytes - before.bytes }
    })
  }

  /** On one mount, one after the other, the kernel's caches dropped between. */
  async #measureMounts(cacheFolder: string, ways: readonly string[]): Promise<void> {
    const { plan, url, path } = this.#target
    const flags = { ...defaultMountFlags(), url, readOnly: true, cacheDir: join(cacheFolder, 'cache') }
    this.#mount = await TemporaryMount.start({ ...plan, flags }, await this.#newFolder())
    const mount = this.#mount
    for (const name of ways) {
      if (name !== ways[0]) dropCaches()
      const before = await mount.costs()
      await this.#measure(name, async () => {
        await this.#command(join(mount.mountpoint, path))
        const after = await mount.costs()
        return {
          requests: after.requests - before.requests,
          bytes: after.bytes - before.bytes,
          cpuSeconds: after.cpuSeconds - before.cpuSeconds,
          peakMib: after.peakMib,
        }
      })
    }
    await mount.end()
  }

  async #measure(name: string, task: () => Promise<Omit<Figures, 'seconds'>>): Promise<void> {
    this.#abort.signal.throwIfAborted()
    const startedMs = performance.now()
    const costs = await task().catch((error: unknown) => {
      this.#abort.signal.throwIfAborted()
      throw error
    })
    const seconds = (performance.now() - startedMs) / 1000
    this.#ways.set(name, [...(this.#ways.get(name) ?? []), { seconds, ...costs }])
  }

  async #command(folder: string): Promise<void> {
    const out = await this.#newFolder()
    await this.#shell(this.#flags.run ?? readAll, { IN: folder, OUT: out })
    await rm(out, { recursive: true })
  }

  /** In a process group of its own: who ends it ends all that it has started, which may have files of a mount open. */
  async #shell(line: string, variables: Record<string, string>): Promise<void> {
    const { signal } = this.#abort
    signal.throwIfAborted()
    let said = ''
    const child = spawn('sh', ['-c', line], {
      cwd: this.#folder,
      env: { ...withoutSecrets(process.env), ...variables },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    const endAll = (): void => killGroup(child.pid)
    signal.addEventListener('abort', endAll)
    child.once('close', () => signal.removeEventListener('abort', endAll))
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve) // when nothing of it is left that could say something
    })
    signal.throwIfAborted()
    if (code === 0) return
    const how = code === null ? 'was killed' : `ended with ${code}`
    throw new CliError(exitCodes.failure, {
      thing: `\`${line}\``,
      reason: `${how} in ${variables['IN']}: ${said.trim() || 'it said nothing'}`,
      nextStep: 'make it work on a copy of the folder first',
    })
  }

  async #newFolder(): Promise<string> {
    const folder = join(this.#folder, String(++this.#count))
    await mkdir(folder)
    return folder
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return // it did not start
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    return // all have ended
  }
}

function bytesOf(files: readonly FileEntry[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0)
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** As root, what is on the disk has to be read from there again. */
function dropCaches(): void {
  if (process.getuid!() !== 0) return
  execFileSync('sync')
  writeFileSync('/proc/sys/vm/drop_caches', '3')
}
