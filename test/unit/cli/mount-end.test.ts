import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MountEnd } from '../../../src/cli/mount-end.js'
import type { UnsentFile } from '../../../src/vfs/unsent-file.js'

/** A mount whose parts do what a test says. */
function scene() {
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const state = {
    lines,
    /** Programs use it. */
    isUsed: false,
    /** Not even lazily. */
    isStuck: false,
    isMounted: true,
    isReleased: false,
    unsent: [] as UnsentFile[],
    /** The journal cannot take them. */
    unkept: [] as UnsentFile[],
    /** What `drain` waits for until it is hung up. */
    sending: Promise.resolve(),
    attempts: [] as boolean[],
    end: undefined as unknown as MountEnd,
  }
  let hangUp!: () => void
  const hungUp = new Promise<void>((resolve) => (hangUp = resolve))
  state.end = new MountEnd({
    mountpoint: '/mnt/xnat',
    log: { info: write, warn: write, error: write },
    vfs: {
      drain: () => Promise.race([state.sending, hungUp]),
      giveUp: () => {},
      keep: () => Promise.resolve(state.unkept),
      leave: () => Promise.resolve(state.unkept),
      get unsent() {
        return state.unsent
      },
    },
    isMounted: () => state.isMounted,
    unmount: ({ lazy }) => {
      state.attempts.push(lazy)
      if (state.isStuck || (state.isUsed && !lazy)) return Promise.reject(new Error('busy'))
      state.isMounted = false
      return Promise.resolve()
    },
    hangUp: () => Promise.resolve(hangUp()),
    leftTree: () => {},
    release: () => {
      state.isReleased = true
      return Promise.resolve()
    },
  })
  return state
}

const file: UnsentFile = { id: '1', path: '/P/f', sizeBytes: 1, isTemporary: false, reason: undefined }
const never = new Promise<void>(() => {})

describe('the end of a mount', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('without a limit is refused where it is used, and can be asked for again', async () => {
    const mount = scene()
    mount.isUsed = true
    expect(await mount.end.stop(false)).toMatchObject({ isDone: false, message: 'is not unmounted: busy' })
    expect([mount.isMounted, mount.isReleased]).toEqual([true, false])
    expect(await mount.end.stop(true)).toMatchObject({ isDone: true, unsent: [] })
    expect([mount.isMounted, mount.isReleased]).toEqual([false, true])
  })

  it('with a limit comes as soon as nobody uses it', async () => {
    const mount = scene()
    mount.isUsed = true
    const stopped = mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(3000)
    expect(mount.isMounted).toBe(true)
    mount.isUsed = false
    await vi.advanceTimersByTimeAsync(500)
    expect(await stopped).toMatchObject({ isDone: true })
    expect(new Set(mount.attempts)).toEqual(new Set([false]))
  })

  it('with a limit comes at the limit where it is used, and is over', async () => {
    const mount = scene()
    mount.isUsed = true
    const stopped = mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(19_900)
    expect(mount.isMounted).toBe(true)
    await vi.advanceTimersByTimeAsync(100)
    expect(await stopped).toMatchObject({ isDone: true, message: expect.stringContaining('is unmounted') })
    expect([mount.attempts.at(-1), mount.isReleased]).toEqual([true, true])
    expect(await mount.end.over).toBe(await stopped)
    expect(mount.lines.join('\n')).not.toMatch(/could not be sent/) // there was nothing to send
  })

  it('with a limit waits for files no longer, and names them', async () => {
    const mount = scene()
    mount.unsent = [file]
    mount.sending = never
    const stopped = mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await stopped).toMatchObject({ isDone: true, unsent: [file] })
    expect(mount.lines.join('\n')).toMatch(/1 file could not be sent in 20 s[^]*but 1 files .*: \/P\/f/)
  })

  it('is not put off by a later limit, and is given one while it sends without', async () => {
    const mount = scene()
    mount.unsent = [file]
    mount.sending = never
    const stopped = mount.end.stop(false)
    await vi.advanceTimersByTimeAsync(100_000)
    void mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(19_000)
    void mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await stopped).toMatchObject({ isDone: true, unsent: [file] })
  })

  it('that waits for those who use it does so no longer when it is asked for lazily', async () => {
    const mount = scene()
    mount.isUsed = true
    const stopped = mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(1200)
    expect(await mount.end.stop(true)).toMatchObject({ isDone: true })
    expect(await stopped).toMatchObject({ isDone: true })
  })

  it('with a limit comes also where the system does not unmount, and says so', async () => {
    const mount = scene()
    mount.isStuck = true
    const stopped = mount.end.stop(false, 20_000)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(await stopped).toMatchObject({
      isDone: false,
      message: '/mnt/xnat has ended, but is not unmounted: busy; everything is on the server',
      nextStep: 'have root run `umount -l /mnt/xnat`',
    })
    expect(await mount.end.over).toMatchObject({ isDone: false })
    expect(mount.isReleased).toBe(true)
  })

  describe('while the journal does not take what is unsent', () => {
    const unkept = { ...file, reason: 'no space left' }
    const start = (): ReturnType<typeof scene> =>
      Object.assign(scene(), { unsent: [file, { ...file, id: '2', path: '/P/kept' }], unkept: [unkept] })

    it('is refused', async () => {
      const mount = start()
      const answer = await mount.end.stop(false)
      expect(answer).toMatchObject({
        isDone: false,
        message: expect.stringMatching(
          /^is not unmounted: 1 file, such as \/P\/f, .*: no space left$/,
        ) as string,
        nextStep: expect.stringContaining('--lazy') as string,
      })
      expect([mount.isMounted, mount.isReleased]).toEqual([true, false])
    })

    it.each([
      ['lazily', true, undefined],
      ['with a limit', false, 20_000],
    ] as const)('comes %s, and names what is lost and what is not', async (_, isLazy, timeoutMs) => {
      const mount = start()
      const { message, unsent } = await mount.end.stop(isLazy, timeoutMs)
      expect(message).toMatch(/is unmounted, but 1 files are not on the server;.*; lost, .*: \/P\/f$/)
      expect(unsent).toEqual([{ ...file, id: '2', path: '/P/kept' }, unkept])
      expect(mount.lines.filter((line) => line.startsWith('/P/f is lost: '))).toHaveLength(1)
    })
  })

  it('that somebody else has unmounted unmounts nothing', async () => {
    const mount = scene()
    mount.isMounted = false
    expect(await mount.end.stop(false)).toMatchObject({ isDone: true })
    expect(mount.attempts).toEqual([])
  })
})
