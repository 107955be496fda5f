import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectories } from '../../util/make-directories.js'
import { askMount, refusedByMount } from '../ask-mount.js'
import { startDaemon } from '../daemon.js'
import type { MountPlan } from '../mount.js'
import type { MountStatus } from '../mount-status.js'

const ticksPerSecond = 100 // USER_HZ of every Linux

/** What a mount has cost since it began. */
export interface MountCosts {
  readonly requests: number
  readonly bytes: number
  readonly cpuSeconds: number
  /** Most resident memory, in MiB. */
  readonly peakMib: number
}

/** A read-only mount in a process of its own, with a cache of its own; what is mounted already is not touched. */
export class TemporaryMount {
  readonly mountpoint: string
  #isMounted = true

  private constructor(mountpoint: string) {
    this.mountpoint = mountpoint
  }

  /**
   * @param plan of a mount; its flags say where the cache is
   * @param folder its mountpoint and log are made there
   */
  static async start(plan: Omit<MountPlan, 'mountpoint'>, folder: string): Promise<TemporaryMount> {
    const mountpoint = join(folder, 'xnat')
    await makeDirectories(mountpoint)
    await startDaemon(
      ['mount', mountpoint, '--read-only'],
      { file: join(folder, 'log') },
      { ...plan, mountpoint },
    )
    return new TemporaryMount(mountpoint)
  }

  async costs(): Promise<MountCosts> {
    const { status } = await askMount(this.mountpoint, { command: 'status' })
    return { ...wireOf(status!.requests), ...(await usageOf(status!.pid)) }
  }

  /** Whatever still looks there keeps what it has open: nothing can be lost, and nothing may stay behind. */
  async end(): Promise<void> {
    if (!this.#isMounted) return
    this.#isMounted = false
    const answer = await askMount(this.mountpoint, { command: 'unmount', lazy: true })
    if (!answer.isDone) throw refusedByMount(this.mountpoint, answer)
  }
}

/** Requests that were answered with bytes, log-ins among them. */
export function wireOf(requests: MountStatus['requests']): Pick<MountCosts, 'requests' | 'bytes'> {
  const kinds = Object.values(requests)
  return {
    requests: kinds.reduce((sum, { count }) => sum + count, 0),
    bytes: kinds.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
  }
}

async function usageOf(pid: number): Promise<Pick<MountCosts, 'cpuSeconds' | 'peakMib'>> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)!.split(' ').map(Number)
  const peak = /^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpuSeconds: (fields[11]! + fields[12]!) / ticksPerSecond, peakMib: Number(peak ?? 0) / 1024 }
}
