// eslint-disable-next-line no-control-regex -- the control characters are what it is about
const TO_ESCAPE = /[&<>"'\u0000-\u001f\u007f-\u009f]/
// eslint-disable-next-line no-control-regex -- as above
const CONTROL = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/g

/** Escapes text the way XNAT does to every path variable and parameter before it is looked up (§1.2, escapeXml11). */
export function escapeXml11(text: string): string {
  if (!TO_ESCAPE.test(text)) return text
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&apos;')
    .replaceAll('\0', '')
    .replace(CONTROL, (character) => `&#${character.charCodeAt(0)};`)
}

/** Escapes text for XML that is written out. */
export function escapeXml(text: string): string {
  return /[&<>"]/.test(text)
    ? text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
    : text
}

/** java.net.URLDecoder.decode: `+` is a space; bytes that are no UTF-8 become U+FFFD, a lone `%` stays. */
export function urlDecode(text: string): string {
  if (!/[%+]/.test(text)) return text
  const spaced = text.replace(/\+/g, ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
      Buffer.from(run.replace(/%/g, ''), 'hex').toString('utf8'),
    )
  }
}

/** Percent-decoding only; undefined where an escape is malformed. */
export function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Bytes of a Java string in ISO-8859-1, where what does not fit becomes `?`. */
export function latin1(text: string): Buffer {
  // eslint-disable-next-line no-control-regex -- the range is that of the character set
  return Buffer.from(text.replace(/[^\u0000-\u00ff]/gu, '?'), 'latin1')
}
