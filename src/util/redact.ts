/** What stands in the place of a secret. */
export const redacted = '<redacted>'

const secretName = /auth|cookie|token|secret|passw|session|csrf|alias|api-?key/i

/** A header's value, as it may be shown. */
export function redactHeader(name: string, value: string): string {
  return secretName.test(name) ? redacted : redactText(value)
}

/**
 * Text in which secrets may be: URLs with user info, session IDs, tokens; headers of a log-in. XNAT has aliases and
 * secrets of tokens in paths too (xnat-wire.md §7).
 */
export function redactText(text: string): string {
  if (!mayHoldSecrets.test(text)) return text
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, `$1${redacted}@`)
    .replace(/(;jsessionid=)[^?#;\s"']*/gi, `$1${redacted}`)
    .replace(/(\/services\/tokens\/[a-z]+\/)[^?#\s"']+/gi, `$1${redacted}`)
    .replace(/([?&]([^=&#\s]*)=)[^&#\s"']*/g, (whole, start: string, name: string) =>
      secretName.test(name) ? `${start}${redacted}` : whole,
    )
    .replace(/\b(Basic|Bearer) +[A-Za-z0-9+/=._~-]{6,}/g, `$1 ${redacted}`)
    .replace(/\b(JSESSIONID|SESSIONID|XSRF-TOKEN|XNAT_CSRF)=[^;&\s"']+/gi, `$1=${redacted}`)
}

/** Most text holds none: one look for what all of the patterns have. */
const mayHoldSecrets = /@|session|tokens?\b|[?&][^=\s]*=|Basic |Bearer |csrf/i
