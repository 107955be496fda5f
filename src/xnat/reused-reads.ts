import type { Socket } from 'node:net'
import { buildConnector } from 'undici'
import { holdEnd } from './held-end.js'

/** One read from the network brings at most this. */
const slabBytes = 256 * 1024
/** Less than this is copied out of the slab at once. Longer than any head of an answer that is taken (16 KiB, undici). */
const keptBytes = 32 * 1024

/**
 * Makes connections that read into one piece of memory each, again and again. Memory that is made for every read costs
 * more than the bytes in it: the system clears it, and V8 looks for what can be thrown away.
 *
 * What such a connection hands over is valid until it is read from again: whoever takes a body must copy it within
 * `onResponseData`, as `exchange` does. The parser itself keeps the head of an answer while that is incomplete; so only
 * what is too long to be one is handed over uncopied. For one exchange at a time on a connection.
 *
 * Encrypted connections are made as ever: they give records of 16 KiB.
 */
export function reusingConnector(options: buildConnector.BuildOptions): buildConnector.connector {
  const usual = buildConnector(options)
  return (target, callback) => {
    const held: buildConnector.Callback = (...result) => {
      if (result[1]) holdEnd(result[1])
      callback(...result)
    }
    if (target.protocol === 'https:') usual(target, held)
    else connectReusing(options, target, held)
  }
}

function connectReusing(
  options: buildConnector.BuildOptions,
  target: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  const take = (count: number, slab: Uint8Array): boolean => {
    const bytes = Buffer.from(slab.buffer, slab.byteOffset, count)
    socket.push(count < keptBytes ? Buffer.from(bytes) : bytes)
    return false // read on when these have been taken: the stream asks then
  }
  const onread = { buffer: Buffer.allocUnsafeSlow(slabBytes), callback: take }
  // With so much waiting the stream does not ask for more by itself, which would overwrite it.
  const reading = { onread, highWaterMark: keptBytes }
  const connect = buildConnector({ ...options, ...reading })
  // It returns the socket; its type does not say so.
  const socket = connect(target, callback) as unknown as Socket
  const putBack = socket.unshift.bind(socket)
  // A body that nobody takes for now: the stream keeps it while more is read.
  socket.unshift = (chunk: Buffer) => putBack(Buffer.from(chunk))
}
