/** What a file of `.xnat` says. In a form that listings are kept in: one character a byte, as they came. */
export interface Text {
  readonly latin1: string
}

/** A document ends with a newline here, as files of text do. */
export function textOf(bytes: Buffer): Text {
  const latin1 = bytes.toString('latin1')
  return { latin1: latin1.endsWith('\n') ? latin1 : `${latin1}\n` }
}

export function bytesOf(text: Text): Buffer {
  return Buffer.from(text.latin1, 'latin1')
}

export function isText(value: unknown): value is Text {
  return typeof value === 'object' && value !== null && 'latin1' in value && typeof value.latin1 === 'string'
}
