import { join } from 'node:path'
import { isAway } from '../archive/reachability.js'
import { chooseDriver } from '../fuse/choose-driver.js'
import type { FuseDriver, FuseMount } from '../fuse/driver.js'
import { unmount } from '../fuse/mountpoint.js'
import { createOperations } from '../fuse/operations.js'
import { FsError } from '../util/fs-error.js'
import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { XnatClient } from '../xnat/client.js'
import type { Reach } from '../xnat/dispatcher.js'
import { assemble } from './assemble.js'
import type { Assembly } from './assemble.js'
import type { FoundCredentials } from './credentials.js'
import { controlSocket } from './directories.js'
import { serveControl } from './control.js'
import type { Asker, ControlAnswer, ControlRequest, ControlServer } from './control.js'
import { CliError, exitCodes } from './exit.js'
import { journalRoot, OpenJournal } from './journal.js'
import { opensUntold } from './kernel-open.js'
import { latestLogIns } from './find-log-in.js'
import { explainLogIn } from './log-in.js'
import { keepToken } from './token-renewal.js'
import { insecureWarning } from './server-access.js'
import { metricsText, serveMetrics } from './metrics.js'
import type { MetricsServer } from './metrics.js'
import { MountCache } from './mount-cache.js'
import { MountEnd } from './mount-end.js'
import { mountFailure } from './mount-failure.js'
import { prepareMountpoint } from './mount-point.js'
import { takeTurn } from './mount-turn.js'
import { prefetch } from './prefetch-task.js'
import type { PrefetchWhat } from './prefetch-task.js'
import { kernelStatus } from './mount-status.js'
import type { MountStatus } from './mount-status.js'
import type { MountFlags } from './flags.js'
import { version } from './version.js'

export interface MountPlan {
  readonly url: string
  /** What of the archive is mounted, read-only: 'projects/P'. '' for all of it. */
  readonly part: string
  /** Absolute, links resolved. */
  readonly mountpoint: string
  readonly logIn: FoundCredentials
  readonly reach: Reach
  readonly flags: MountFlags
}

/** How long the kernel may believe attributes; open() notices a change of size in any case. */
const longestKernelTimeoutMs = 60_000
const miB = 1024 * 1024
/** What a driver may hold of files, as a part of `--memory` and beside it. */
const heldShare = 1 / 3
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
  readonly #journal: OpenJournal
  readonly #opensUntold: boolean
  #control: ControlServer | undefined
  #fuse: FuseMount | undefined
  #metrics: MetricsServer | undefined
  #user = ''
  #driver = { name: '', why: '' }
  readonly #sinceMs = Date.now()
  #isMounted = false
  /** Aborts what is done for others when the mount is gone. */
  readonly #ending = new AbortController()
  readonly #end: MountEnd

  private constructor(
    plan: MountPlan,
    log: Log,
    cache: MountCache,
    journal: OpenJournal,
    driver: FuseDriver,
  ) {
    this.#plan = plan
    this.#log = log
    this.#cache = cache
    this.#journal = journal
    this.#opensUntold = opensUntold(plan.flags, driver, log)
    this.#layers = assemble({
      ...plan,
      log,
      cache,
      stagingDirectory: journal.directory,
      md5: driver.md5,
      kernel: {
        backsFromBytes: driver.backsFromBytes(),
        opensApart: driver.opensApart,
        opensUntold: this.#opensUntold,
        settle: async (ino) => this.#fuse?.settle(ino),
      },
      dropName: (parent, name) => this.#fuse?.cache?.dropName(parent, name),
      onNews: () => this.#fuse?.cache?.expireOpens(),
      credentials: plan.logIn.credentials,
      latest: () => latestLogIns(plan.url, plan.logIn),
      onRefused: (error) => this.#tellRefused(error.message),
    })
    this.#end = new MountEnd({
      mountpoint: plan.mountpoint,
      log,
      vfs: this.#layers.vfs,
      isMounted: () => this.#isMounted,
      unmount: (options) => unmount(plan.mountpoint, options),
      hangUp: () => this.#layers.hangUp(),
      leftTree: () => this.#ending.abort(new Error('the mount has ended')),
      release: () => this.#release(),
    })
  }

  /**
   * Mounts. Resolves when the mount answers.
   * @param unwanted aborts when nobody waits for it any more
   * @throws CliError
   */
  static async start(plan: MountPlan, log: Log, unwanted?: AbortSignal): Promise<RunningMount> {
    const endTurn = await takeTurn(plan.mountpoint)
    try {
      return await RunningMount.#start(plan, log, unwanted)
    } finally {
      endTurn()
    }
  }

  static async #start(plan: MountPlan, log: Log, unwanted?: AbortSignal): Promise<RunningMount> {
    const choice = await chooseDriver(plan.flags.driver)
    if (!choice.driver) {
      const reason = `does not work here: ${choice.reason}`
      throw new CliError(exitCodes.fuseMissing, { thing: 'FUSE', reason, nextStep: choice.remedy })
    }
    const { driver, why } = choice
    const { url, mountpoint, logIn } = plan
    const user = logIn.credentials?.user
    const removeMade = await prepareMountpoint(mountpoint, (text) => log.warn(text))
    const journal = await OpenJournal.open(await journalRoot(), { url, user }, mountpoint)
    const { freeMemory, wholeFiles } = driver
    const cache = await MountCache.open({ url, user, flags: plan.flags, log, freeMemory, wholeFiles })
    const mount = new RunningMount(plan, log, cache, journal, driver)
    try {
      if (plan.reach.isInsecure) log.warn(insecureWarning(url))
      mount.#user = await mount.#logIn()
      if (logIn.source === 'xnatfs login')
        keepToken(url, mount.#user, mount.#layers.session, log, mount.#ending.signal)
      mount.#driver = { name: driver.name, why }
      await mount.#startMetrics()
      if (plan.part !== '') await mount.#enter(plan.part)
      if (!plan.flags.readOnly) await journal.resume(mount.#layers.vfs, log, { signal: unwanted })
      unwanted?.throwIfAborted()
      await mount.#mount(driver)
      log.info(`${url} as ${mount.#user} is mounted on ${mountpoint} (driver ${driver.name}: ${why})`)
      return mount
    } catch (error) {
      if (mount.#isMounted) await unmount(mountpoint, { lazy: true }).catch(() => {}) // it ends with the process
      await mount.#layers.vfs.leave()
      await mount.#release()
      await removeMade()
      throw error
    }
  }

  /** Resolves when the mount is gone, whoever unmounted it, and what could be sent is sent. */
  async ended(): Promise<ControlAnswer> {
    void this.#fuse!.closed.then(() => {
      this.#isMounted = false
      return this.stop(false)
    })
    const answer = await this.#end.over
    await this.#control?.answered()
    return answer
  }

  refresh(): void {
    this.#layers.session.retryLogIn()
    this.#layers.vfs.refresh(this.#fuse?.cache)
    this.#log.info('listings are forgotten')
  }

  status(): MountStatus {
    const { url, mountpoint, flags } = this.#plan
    const { session, vfs, archive, readers, counters } = this.#layers
    return {
      version: version(),
      pid: process.pid,
      mountpoint,
      url,
      user: this.#user,
      since: new Date(this.#sinceMs).toISOString(),
      uptimeSeconds: Math.round((Date.now() - this.#sinceMs) / 1000),
      isReadOnly: flags.readOnly ?? false,
      writeMode: flags.writeMode,
      driver: this.#driver,
      server: {
        isReachable: archive.isReachable,
        staleListings: archive.staleListings,
        logInNeeded: session.refusal?.message ?? null,
      },
      requests: counters.requests,
      memory: this.#cache.memoryStatus,
      disk: this.#cache.diskStatus,
      ahead: { ...counters.ahead, unreadBytes: readers.prefetch.unreadBytes },
      kernel: kernelStatus(this.#fuse?.stats?.()),
      pending: vfs.unsent.map(({ path, sizeBytes, reason }) => ({ path, sizeBytes, reason })),
      troubles: this.#log.troubles,
    }
  }

  /** See `MountEnd`. */
  stop(isLazy: boolean, timeoutMs?: number): Promise<ControlAnswer> {
    return this.#end.stop(isLazy, timeoutMs)
  }

  async #logIn(): Promise<string> {
    const { url } = this.#plan
    try {
      const name = await new XnatClient(this.#layers.session).whoAmI()
      if (this.#plan.part === '') this.#listRoot()
      await this.#cache.user?.remember(name, url)
      return name
    } catch (error) {
      const known = isAway(error) ? await this.#cache.user?.recall() : undefined
      if (known === undefined) throw explainLogIn(error, url, this.#plan.logIn.source)
      this.#log.warn(
        `${url}: ${causeChain(error)}; until it answers, ${known}, who was logged in there before, is shown what is cached`,
      )
      return known
    }
  }

  /** Every path begins with it: by the first one it is there. */
  #listRoot(): void {
    const { archive } = this.#layers
    void (async () => archive.list(archive.root))().catch(() => {}) // who looks is told
  }

  /** A refusal at the beginning is the answer of `xnatfs mount`. */
  #tellRefused(reason: string): void {
    if (!this.#isMounted) return
    const { url, mountpoint } = this.#plan
    const advice = `it is not tried again before \`xnatfs login ${url}\`, \`xnatfs refresh ${mountpoint}\` or SIGHUP`
    this.#log.error(`log-in is needed: ${reason}; ${advice}`)
  }

  async #enter(part: string): Promise<void> {
    const { url } = this.#plan
    try {
      await this.#layers.vfs.enter(part)
    } catch (error) {
      if (!(error instanceof FsError)) throw error
      const exitCode =
        error.code === 'ENOENT' || error.code === 'ENOTDIR' ? exitCodes.notFound : exitCodes.failure
      const reason = `has no directory ${part} for ${this.#user}: ${error.message}`
      const nextStep = 'look for it in a browser as this user'
      throw new CliError(exitCode, { thing: url, reason, nextStep }, { cause: error })
    }
  }

  async #mount(driver: FuseDriver): Promise<void> {
    const { mountpoint, flags, url, part } = this.#plan
    const kernelTimeoutMs = Math.min(flags.listingTtl * 1000, longestKernelTimeoutMs)
    const socket = await controlSocket(mountpoint)
    this.#fuse = await driver
      .mount(createOperations(this.#layers.vfs, this.#log), {
        mountpoint,
        source: part === '' ? url : `${url}/data/${part.split('/').map(encodeURIComponent).join('/')}`,
        isReadOnly: flags.readOnly ?? false,
        allowOther: flags.allowOther ?? false,
        entryTimeoutMs: kernelTimeoutMs,
        negativeTimeoutMs: Math.min(kernelTimeoutMs, negativeTimeoutMs),
        heldBytes: flags.memory * miB * heldShare,
        opensUntold: this.#opensUntold,
      })
      .catch((error: unknown) => {
        throw mountFailure(mountpoint, error)
      })
    this.#fuse.cache?.expireOpens() // of what became known before it could be told
    this.#isMounted = true
    this.#control = await serveControl(socket, (request, asker) => this.#obey(request, asker))
  }

  async #startMetrics(): Promise<void> {
    const { metricsPort } = this.#plan.flags
    if (metricsPort === undefined) return
    this.#metrics = await serveMetrics(metricsPort, () => metricsText(this.status()))
    this.#log.info(`metrics: http://127.0.0.1:${this.#metrics.port}/metrics`)
  }

  async #obey(request: ControlRequest, asker: Asker): Promise<ControlAnswer> {
    if (request.command === 'unmount') return this.stop(request.lazy)
    if (request.command === 'flush') return this.#flush()
    if (request.command === 'discard') return this.#discard(request.ids)
    if (request.command === 'status') return { isDone: true, message: '', status: this.status() }
    if (request.command === 'prefetch') return this.#prefetch(request.paths, request.what, asker)
    return this.#refreshPath(request.path)
  }

  async #refreshPath(path: string): Promise<ControlAnswer> {
    this.#layers.session.retryLogIn()
    const found = await this.#layers.vfs.refreshPath(path, this.#fuse?.cache)
    await this.#fuse?.cache?.told()
    const message = `what the server has is asked for anew in ${join(this.#plan.mountpoint, found)}`
    this.#log.info(message)
    return { isDone: true, message }
  }

  async #prefetch(paths: readonly string[], what: PrefetchWhat, asker: Asker): Promise<ControlAnswer> {
    const signal = AbortSignal.any([asker.signal, this.#ending.signal])
    try {
      const report = await prefetch(paths, what, this.#layers, { signal, tell: (now) => asker.tell(now) })
      return { isDone: report.failures.length === 0, message: '', prefetch: report }
    } catch (error) {
      const isAbsent = error instanceof FsError && error.code === 'ENOENT'
      return { isDone: false, message: causeChain(error), isAbsent }
    }
  }

  async #flush(): Promise<ControlAnswer> {
    const { vfs } = this.#layers
    await vfs.drain({ includeOpen: false })
    const unsent = vfs.unsent.filter(({ isTemporary }) => !isTemporary)
    const message =
      unsent.length === 0
        ? 'everything is on the server'
        : `${unsent.length} files are not on the server; \`xnatfs pending list\` says why, \`xnatfs flush\` tries again`
    return { isDone: unsent.length === 0, message, unsent }
  }

  async #discard(ids: readonly string[]): Promise<ControlAnswer> {
    let count = 0
    for (const id of ids) if (await this.#layers.vfs.discard(id)) count++
    return { isDone: true, message: `${count} files are discarded` }
  }

  async #release(): Promise<void> {
    this.#metrics?.close()
    await this.#control?.close()
    const stats = this.#fuse?.stats?.()
    if (stats) this.#log.debug(`the kernel asked: ${JSON.stringify(stats)}`)
    const { counters } = this.#cache
    const { staleListings } = this.#layers.archive
    if (counters) this.#log.debug(`the disk cache: ${JSON.stringify({ ...counters, staleListings })}`)
    await this.#fuse?.end?.()
    await this.#layers.close()
    await this.#journal.close()
  }
}
