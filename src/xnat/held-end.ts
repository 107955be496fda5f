import type { Socket } from 'node:net'

/**
 * Tells the end of a connection to who reads from it, and not before. An answer whose end is that of the connection, or comes
 * with it, would never be complete where its reader was slow: undici (7.30) fails an assertion when a connection ends
 * that it has told to wait, and forgets the answer.
 */
export function holdEnd(socket: Socket): void {
  const push = socket.push.bind(socket)
  const read = socket.read.bind(socket)
  let isHeld = false
  const end = (): void => {
    if (!isHeld) return
    isHeld = false
    push(null)
    read(0)
  }
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk !== null || socket.listenerCount('readable') === 0) return push(chunk, encoding)
    isHeld = true
    socket.emit('readable')
    return false
  }
  socket.read = (sizeBytes?: number): unknown => {
    const chunk: unknown = read(sizeBytes)
    // Whoever has been told to wait does not read.
    if (chunk === null && sizeBytes === undefined && isHeld) process.nextTick(end)
    return chunk
  }
}
