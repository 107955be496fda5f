import { describe, expect, it } from 'vitest'
import { AppendBuffer } from '../../../src/data/append-buffer.js'

/** A disk that writes when it is told to, and is full when it is told so. */
class Disk {
  bytes = Buffer.alloc(0)
  readonly writes: number[] = []
  isFull = false
  isSlow = false
  ends: number[] = []
  isKeeping = false
  kept: Buffer[] = []
  #waiting: (() => void)[] = []
  readonly buffer = new AppendBuffer({
    blockBytes: 4,
    write: (bytes, position) => this.#write(Buffer.from(bytes), position),
    onWritten: (bytes, position) => {
      this.ends.push(position + bytes.length)
      if (this.isKeeping) this.kept.push(bytes)
      return this.isKeeping
    },
  })

  goOn(): void {
    this.isSlow = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  append(text: string, position: number): void {
    this.buffer.take(Buffer.from(text), position)
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    this.writes.push(bytes.length)
    if (this.isSlow) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.isFull) throw new Error('no room')
    this.bytes = Buffer.concat([this.bytes.subarray(0, position), bytes])
  }
}

describe('AppendBuffer', () => {
  it('writes in blocks, and the rest when it is drained', async () => {
    const disk = new Disk()
    for (let at = 0; at < 10; at++) disk.append('abcdefghij'.charAt(at), at)
    await disk.buffer.drain()
    expect(disk.bytes.toString()).toBe('abcdefghij')
    expect(disk.writes).toEqual([4, 4, 2])
    expect(disk.ends).toEqual([4, 8, 10])
    expect(disk.buffer.isEmpty).toBe(true)
  })

  it('takes what is larger than a block, and bytes that the writer changes afterwards', async () => {
    const disk = new Disk()
    const bytes = Buffer.from('0123456789')
    disk.buffer.take(bytes, 0)
    bytes.fill('x')
    await disk.buffer.drain()
    expect(disk.bytes.toString()).toBe('0123456789')
  })

  it('leaves bytes that somebody keeps as they are', async () => {
    const disk = new Disk()
    disk.isKeeping = true
    for (const [at, text] of ['abcd', 'efgh', 'ijkl'].entries()) {
      disk.append(text, at * 4)
      await disk.buffer.drain()
    }
    expect(disk.kept.map(String)).toEqual(['abcd', 'efgh', 'ijkl'])
  })

  it('has no room while too much waits for the disk', async () => {
    const disk = new Disk()
    disk.isSlow = true
    disk.append('0123456789abcdef', 0)
    expect(disk.buffer.hasRoom).toBe(false)
    const room = disk.buffer.room()
    disk.goOn()
    await room
    expect(disk.buffer.hasRoom).toBe(true)
    await disk.buffer.drain()
    expect(disk.bytes.toString()).toBe('0123456789abcdef')
  })

  it('keeps what a full disk did not take, and writes it when there is room again', async () => {
    const disk = new Disk()
    disk.isFull = true
    disk.append('abcdef', 0)
    await expect(disk.buffer.drain()).rejects.toThrow('no room')
    expect(disk.buffer.hasRoom).toBe(false)
    await expect(disk.buffer.room()).rejects.toThrow('no room')
    disk.isFull = false
    await disk.buffer.room()
    disk.append('gh', 6)
    await disk.buffer.drain()
    expect(disk.bytes.toString()).toBe('abcdefgh')
  })

  it('forgets what is discarded, and begins anew', async () => {
    const disk = new Disk()
    disk.isFull = true
    disk.append('abcdef', 0)
    await disk.buffer.discard()
    disk.isFull = false
    disk.append('new', 0)
    await disk.buffer.drain()
    expect(disk.bytes.toString()).toBe('new')
  })
})
