import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isAway } from '../archive/reachability.js'
import { keepUnsent } from '../data/unsent.js'
import type { FuseMount } from '../fuse/driver.js'
import { FuseNativeDriver } from '../fuse/fuse-native-driver.js'
import { unmount } from '../fuse/mountpoint.js'
import { createOperations } from '../fuse/operations.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { XnatClient } from '../xnat/client.js'
import type { Credentials } from '../xnat/session.js'
import { XnatError } from '../xnat/xnat-error.js'
import { assemble } from './assemble.js'
import type { Assembly } from './assemble.js'
import { controlSocket, privateDirectory, stateDirectory } from './directories.js'
import { serveControl } from './control.js'
import type { ControlAnswer, ControlRequest, ControlServer } from './control.js'
import { CliError, exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { MountCache } from './mount-cache.js'
import { prepareMountpoint } from './mount-point.js'
import type { MountFlags } from './options.js'

export interface MountPlan {
  readonly url: string
  /** Absolute, links resolved. */
  readonly mountpoint: string
  readonly credentials: Credentials | undefined
  readonly flags: MountFlags
}

/** How long the kernel may believe attributes; open() notices a change of size in any case. */
const longestKernelTimeoutMs = 60_000
const negativeTimeoutMs = 5_000

/**
 * One mount from its beginning to its end. Lives in the process that serves the mount, which must never touch its own
 * mountpoint.
 */
export class RunningMount {
  readonly #plan: MountPlan
  readonly #log: Log
  readonly #layers: Assembly
  readonly #cache: MountCache
  readonly #stagingDirectory: string
  #control: ControlServer | undefined
  #fuse: FuseMount | undefined
  #isMounted = false
  #stopping: Promise<ControlAnswer> | undefined
  readonly #stopped: Promise<ControlAnswer>
  #resolveStopped: (answer: ControlAnswer) => void = () => {}

  private constructor(plan: MountPlan, log: Log, cache: MountCache, stagingDirectory: string) {
    this.#plan = plan
    this.#log = log
    this.#cache = cache
    this.#stagingDirectory = stagingDirectory
    const { url, mountpoint } = plan
    this.#layers = assemble({
      ...plan,
      log,
      cache,
      stagingDirectory,
      keepBytes: (bytes) =>
        keepUnsent(join(stateDirectory(), 'unsent'), bytes, { url, mountpoint, at: new Date() }),
    })
    this.#stopped = new Promise((resolve) => (this.#resolveStopped = resolve))
  }

  /** Mounts. Resolves when the mount answers. @throws CliError */
  static async start(plan: MountPlan, log: Log): Promise<RunningMount> {
    const driver = new FuseNativeDriver()
    const probe = await driver.probe()
    if (!probe.isAvailable) {
      throw new CliError(exitCodes.fuseMissing, `FUSE does not work here: ${probe.reason}. ${probe.remedy}`)
    }
    const staging = await privateDirectory(join(stateDirectory(), 'staging'))
    await prepareMountpoint(plan.mountpoint, (text) => log.warn(text))
    const { url, credentials, flags } = plan
    const cache = await MountCache.open({ url, user: credentials?.user, flags, log })
    const mount = new RunningMount(plan, log, cache, await mkdtemp(join(staging, 'mount-')))
    try {
      const user = await mount.#logIn()
      await mount.#mount(driver)
      log.info(`${plan.url} as ${user} is mounted on ${plan.mountpoint} (driver ${driver.name})`)
      return mount
    } catch (error) {
      await mount.#release()
      throw error
    }
  }

  /** Resolves when the mount is gone, whoever unmounted it, and what could be sent is sent. */
  async ended(): Promise<ControlAnswer> {
    void this.#fuse!.closed.then(() => {
      this.#isMounted = false
      return this.stop(false)
    })
    const answer = await this.#stopped
    await this.#control?.answered()
    return answer
  }

  refresh(): void {
    this.#layers.vfs.refresh()
    this.#log.info('listings are forgotten')
  }

  /** Sends what is unsent, unmounts, ends. What cannot be sent is kept where the answer says. */
  stop(isLazy: boolean): Promise<ControlAnswer> {
    this.#stopping ??= this.#stop(isLazy).then((answer) => {
      if (answer.isDone) this.#resolveStopped(answer)
      else this.#stopping = undefined
      return answer
    })
    return this.#stopping
  }

  async #stop(isLazy: boolean): Promise<ControlAnswer> {
    const { mountpoint } = this.#plan
    if (this.#layers.vfs.unsentCount > 0)
      this.#log.info(`sending ${this.#layers.vfs.unsentCount} files before the end`)
    await this.#layers.vfs.drain({ includeOpen: false })
    try {
      if (this.#isMounted) await unmount(mountpoint, { lazy: isLazy })
    } catch (error) {
      const advice = 'close what uses it (lsof, fuser -m), or use --lazy'
      return { isDone: false, message: `${mountpoint} is not unmounted: ${causeChain(error)}; ${advice}` }
    }
    await this.#layers.vfs.drain({ includeOpen: true })
    const kept = await this.#layers.vfs.keepUnsent()
    await this.#release()
    if (kept.length === 0)
      return { isDone: true, message: `${mountpoint} is unmounted; everything is on the server` }
    const message = `${mountpoint} is unmounted, but ${kept.length} files are not on the server; they are kept here`
    this.#log.error(`${message}: ${kept.join(' ')}`)
    return { isDone: true, message, kept }
  }

  async #logIn(): Promise<string> {
    const { url } = this.#plan
    try {
      const name = await new XnatClient(this.#layers.session).whoAmI()
      await this.#cache.user?.remember(name, url)
      return name
    } catch (error) {
      const known = isAway(error) ? await this.#cache.user?.recall() : undefined
      if (known === undefined) throw explainLogIn(error, url)
      this.#log.warn(
        `${url} does not answer; ${known} was logged in there before, and is shown what is cached: ${causeChain(error)}`,
      )
      return known
    }
  }

  async #mount(driver: FuseNativeDriver): Promise<void> {
    const { mountpoint, flags, url } = this.#plan
    const kernelTimeoutMs = Math.min(flags.listingTtl * 1000, longestKernelTimeoutMs)
    this.#fuse = await driver.mount(createOperations(this.#layers.vfs, this.#log), {
      mountpoint,
      source: url,
      isReadOnly: flags.readOnly ?? false,
      allowOther: flags.allowOther ?? false,
      entryTimeoutMs: kernelTimeoutMs,
      negativeTimeoutMs: Math.min(kernelTimeoutMs, negativeTimeoutMs),
    })
    this.#isMounted = true
    this.#control = await serveControl(await controlSocket(mountpoint), (request) => this.#obey(request))
  }

  async #obey(request: ControlRequest): Promise<ControlAnswer> {
    if (request.command === 'unmount') return this.stop(request.lazy)
    this.refresh()
    return { isDone: true, message: 'listings are forgotten' }
  }

  async #release(): Promise<void> {
    await this.#control?.close()
    await this.#layers.close()
    for (const name of await readdir(this.#stagingDirectory)) await rm(join(this.#stagingDirectory, name))
    await rmdir(this.#stagingDirectory)
  }
}

function explainLogIn(error: unknown, url: string): unknown {
  if (!(error instanceof XnatError)) return error
  const codes: Partial<Record<XnatError['code'], ExitCode>> = {
    unauthorized: exitCodes.notLoggedIn,
    forbidden: exitCodes.notLoggedIn,
    unreachable: exitCodes.notReachable,
    timeout: exitCodes.notReachable,
    throttled: exitCodes.notReachable,
    server: exitCodes.notReachable,
    'not-found': exitCodes.notFound,
    'bad-response': exitCodes.notFound,
  }
  return new CliError(codes[error.code] ?? exitCodes.failure, `cannot use ${url}: ${error.message}`, {
    cause: error,
  })
}
