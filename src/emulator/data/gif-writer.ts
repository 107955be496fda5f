/** Writes greyscale GIF images, the format of XNAT's own snapshots. */

const MIN_CODE_SIZE = 8
const CLEAR = 1 << MIN_CODE_SIZE
const END = CLEAR + 1
const MAX_CODE = 4096

/** Packs codes of growing width into bytes, least significant bit first. */
class BitWriter {
  readonly #bytes: number[] = []
  #bits = 0
  #count = 0

  write(code: number, width: number): void {
    this.#bits |= code << this.#count
    this.#count += width
    while (this.#count >= 8) {
      this.#bytes.push(this.#bits & 0xff)
      this.#bits >>>= 8
      this.#count -= 8
    }
  }

  finish(): Buffer {
    if (this.#count > 0) this.#bytes.push(this.#bits & 0xff)
    return Buffer.from(this.#bytes)
  }
}

function compress(pixels: Uint8Array): Buffer {
  const writer = new BitWriter()
  let table = new Map<number, number>()
  let next = END + 1
  let width = MIN_CODE_SIZE + 1
  writer.write(CLEAR, width)
  let prefix = pixels[0]!
  for (const pixel of pixels.subarray(1)) {
    const key = (prefix << 8) | pixel
    const known = table.get(key)
    if (known !== undefined) {
      prefix = known
      continue
    }
    writer.write(prefix, width)
    if (next < MAX_CODE) {
      table.set(key, next++)
      if (next > 1 << width && width < 12) width++
    } else {
      writer.write(CLEAR, width)
      table = new Map()
      next = END + 1
      width = MIN_CODE_SIZE + 1
    }
    prefix = pixel
  }
  writer.write(prefix, width)
  writer.write(END, width)
  return writer.finish()
}

export function gifImage(width: number, height: number, pixels: Uint8Array): Buffer {
  const screen = Buffer.alloc(13)
  screen.write('GIF89a', 'latin1')
  screen.writeUInt16LE(width, 6)
  screen.writeUInt16LE(height, 8)
  // Global colour table of 256 greys.
  screen[10] = 0xf7
  const palette = Buffer.from(Array.from({ length: 768 }, (_, index) => Math.floor(index / 3)))
  const image = Buffer.alloc(11)
  image[0] = 0x2c
  image.writeUInt16LE(width, 5)
  image.writeUInt16LE(height, 7)
  image[10] = MIN_CODE_SIZE
  const data = compress(pixels)
  const blocks: Buffer[] = []
  for (let at = 0; at < data.length; at += 255) {
    const block = data.subarray(at, at + 255)
    blocks.push(Buffer.from([block.length]), block)
  }
  return Buffer.concat([screen, palette, image, ...blocks, Buffer.from([0, 0x3b])])
}
