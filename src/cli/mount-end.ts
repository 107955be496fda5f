import { causeChain } from '../util/log.js'
import type { Log } from '../util/log.js'
import { withSignal } from '../util/single-flight.js'
import { sleep } from '../util/sleep.js'
import type { Vfs } from '../vfs/vfs.js'
import type { ControlAnswer } from './control.js'
import { countText } from './text.js'

type Files = Vfs['unsent']

/** What ends, as far as its end is concerned. */
export interface EndingMount {
  readonly mountpoint: string
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
  readonly vfs: Pick<Vfs, 'drain' | 'giveUp' | 'keep' | 'leave' | 'unsent'>
  isMounted(): boolean
  /** @throws Error with what the system said */
  unmount(options: { readonly lazy: boolean }): Promise<void>
  /** Whatever waits for the server fails, now and from now on. */
  hangUp(): Promise<void>
  /** It is gone from the tree: what is done for others ends. */
  leftTree(): void
  /** Nothing is to be sent any more. */
  release(): Promise<void>
}

/** A mount that is in use is looked at so often. */
const retryMs = 500

/** How a mount ends: what is unsent is sent, it is taken out of the tree, and everything is let go of. */
export class MountEnd {
  /** Resolves when it has ended. */
  readonly over: Promise<ControlAnswer>
  readonly #mount: EndingMount
  #resolveOver!: (answer: ControlAnswer) => void
  #stopping: Promise<ControlAnswer> | undefined
  #isOver = false
  /** Ends the time for sending, and for waiting for those who use the mount. */
  #patience: NodeJS.Timeout | undefined
  /** Aborts when those who use the mount are not waited for any more. */
  readonly #hurry = new AbortController()
  /** Aborts when files are not waited for any more either. */
  readonly #limit = new AbortController()

  constructor(mount: EndingMount) {
    this.#mount = mount
    this.over = new Promise((resolve) => (this.#resolveOver = resolve))
  }

  /**
   * Sends what is unsent, unmounts, ends. What cannot be sent is kept where the answer says.
   * @param isLazy it is taken away also from those who use it
   * @param timeoutMs it ends in any case: so long it waits for files to be sent, and for those who use it. Default: it
   * waits for files without limit, and stays where it is used. A later limit changes nothing.
   */
  stop(isLazy: boolean, timeoutMs?: number): Promise<ControlAnswer> {
    if (isLazy) this.#hurry.abort()
    if (timeoutMs !== undefined) this.#patience ??= setTimeout(() => this.#giveUp(timeoutMs), timeoutMs)
    this.#stopping ??= this.#stop().then((answer) => {
      if (!this.#isOver) this.#stopping = undefined
      return answer
    })
    return this.#stopping
  }

  #giveUp(timeoutMs: number): void {
    const { log, vfs } = this.#mount
    const count = vfs.unsent.filter(({ isTemporary }) => !isTemporary).length
    if (count > 0)
      log.warn(
        `${countText(count, 'file')} could not be sent in ${timeoutMs / 1000} s, and it is not waited for longer; the next mount sends them`,
      )
    this.#hurry.abort()
    vfs.giveUp()
    this.#limit.abort()
    this.#mount.hangUp().catch((error: unknown) => log.error(`cannot hang up: ${causeChain(error)}`))
  }

  /** Until the limit. */
  async #drained(options: Parameters<Vfs['drain']>[0]): Promise<void> {
    const { signal } = this.#limit
    if (!signal.aborted) await withSignal(this.#mount.vfs.drain(options), signal).catch(() => {})
  }

  async #stop(): Promise<ControlAnswer> {
    const { vfs, log } = this.#mount
    const count = vfs.unsent.filter(({ isTemporary }) => !isTemporary).length
    if (count > 0) log.info(`sending ${countText(count, 'file')} before the end`)
    await this.#drained({ includeOpen: false })
    if (!this.#patience && !this.#hurry.signal.aborted) {
      const unkept = await vfs.keep()
      if (unkept.length > 0) return refusedFor(unkept)
    }
    const refusal = await this.#leaveTree()
    // Where it has to end the kernel takes the mount from those who use it when this process is gone.
    if (refusal && !this.#patience) return refusal
    this.#mount.leftTree()
    await this.#drained({ includeOpen: true })
    const { unsent } = vfs
    const lost = await vfs.leave()
    for (const { path, reason } of lost)
      log.error(`${path} is lost: it is neither on the server nor in the journal: ${reason}`)
    await this.#mount.release()
    clearTimeout(this.#patience)
    const answer = this.#answer(unsent, lost, refusal)
    this.#isOver = true
    this.#resolveOver(answer)
    return answer
  }

  /** @returns why it stays */
  async #leaveTree(): Promise<ControlAnswer | undefined> {
    const { mountpoint, log } = this.#mount
    let isWaiting = false
    while (this.#mount.isMounted()) {
      const lazy = this.#hurry.signal.aborted
      if (lazy && isWaiting)
        log.warn(
          `${mountpoint} is still in use, and is taken away from the programs that use it; mount it again for them`,
        )
      try {
        await this.#mount.unmount({ lazy })
        break
      } catch (error) {
        const reason = causeChain(error).replaceAll(` ${mountpoint}`, '')
        if (lazy || !this.#patience) {
          const nextStep = 'close what uses it (lsof, fuser -m), or use --lazy'
          return { isDone: false, message: `is not unmounted: ${reason}`, nextStep }
        }
        if (!isWaiting) log.info(`waiting until nobody uses it, for the rest of --stop-timeout: ${reason}`)
        isWaiting = true
        await sleep(retryMs, this.#hurry.signal).catch(() => {})
      }
    }
    return undefined
  }

  #answer(unsent: Files, lost: Files, refusal: ControlAnswer | undefined): ControlAnswer {
    const { mountpoint, log } = this.#mount
    const lostIds = new Set(lost.map(({ id }) => id))
    const kept = unsent.filter(({ id }) => !lostIds.has(id))
    const waiting = kept.filter(({ isTemporary }) => !isTemporary)
    const what = refusal ? refusal.message.replace('is', 'has ended, but is') : 'is unmounted'
    const message = `${mountpoint} ${what}${endOf(kept.length - waiting.length, waiting.length, lost)}`
    if (waiting.length > 0) log.error(`${message}: ${waiting.map(({ path }) => path).join(' ')}`)
    const nextStep = `have root run \`umount -l ${mountpoint}\``
    return { isDone: !refusal, message, ...(refusal && { nextStep }), unsent: [...waiting, ...lost] }
  }
}

/** Why a mount that could stay does not end. */
function refusedFor(unkept: Files): ControlAnswer {
  const [first] = unkept
  const what = `${countText(unkept.length, 'file')}, such as ${first?.path}, could neither be sent nor be put into the journal`
  return {
    isDone: false,
    message: `is not unmounted: ${what}: ${first?.reason}`,
    nextStep:
      'make room on the disk of the state directory (~/.local/state, $XDG_STATE_HOME), or use --lazy, and lose them',
  }
}

/** What is to be said of files that stay here, and of those that do not. */
function endOf(temporary: number, waiting: number, lost: Files): string {
  const names = temporary > 0 ? ` (${temporary} files with temporary names stay in the journal)` : ''
  const gone =
    lost.length > 0 ? `; lost, for no disk took them: ${lost.map(({ path }) => path).join(' ')}` : ''
  if (waiting === 0) return lost.length > 0 ? gone + names : `; everything is on the server${names}`
  return `, but ${waiting} files are not on the server; the next mount sends them, xnatfs pending has them${names}${gone}`
}
