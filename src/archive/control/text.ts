/** What a document says. In a form that listings are kept in: one character a byte, as they came. */
export interface Text {
  readonly latin1: string
}

export function textOf(bytes: Buffer): Text {
  return { latin1: bytes.toString('latin1') }
}

const withNewlines = new WeakMap<Text, Text>()

/** The same as a file of `.xnat`: it ends with a newline, as files of text do. One for each text. */
export function withNewline(text: Text): Text {
  if (text.latin1.endsWith('\n')) return text
  let ended = withNewlines.get(text)
  if (!ended) withNewlines.set(text, (ended = { latin1: `${text.latin1}\n` }))
  return ended
}

export function bytesOf(text: Text): Buffer {
  return Buffer.from(text.latin1, 'latin1')
}

export function isText(value: unknown): value is Text {
  return typeof value === 'object' && value !== null && 'latin1' in value && typeof value.latin1 === 'string'
}
