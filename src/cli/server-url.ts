import { redactText } from '../util/redact.js'
import { CliError, exitCodes } from './exit.js'

/**
 * The base URL of a server as people write it: with or without scheme (then https), a trailing slash, a path under
 * which XNAT lives, `/data` with or without a path in the archive.
 * @throws CliError naming what is wrong with it
 */
export function parseServerUrl(text: string | undefined): string {
  const { origin, pathname } = parseUrl(text)
  return `${origin}${(partsOf(pathname)?.before ?? pathname).replace(/\/+$/, '')}`
}

/** What such a URL names in the archive: 'projects/P' of `https://xnat.example.org/data/projects/P`; '' for all of it. */
export function pathInArchive(text: string | undefined): string {
  const { pathname } = parseUrl(text)
  try {
    return decodeURIComponent(partsOf(pathname)?.after ?? '')
  } catch (cause) {
    const reason = 'a % is followed by no two digits'
    throw new CliError(
      exitCodes.usage,
      { thing: `'${text}'`, reason, nextStep: 'write a % itself as %25' },
      { cause },
    )
  }
}

function partsOf(pathname: string): { readonly before: string; readonly after: string } | undefined {
  const match = /^(.*?)\/(?:data|REST)(?:\/(.*?))?\/*$/.exec(pathname)
  return match ? { before: match[1] ?? '', after: match[2] ?? '' } : undefined
}

const nextStep = 'write it as https://xnat.example.org'

function parseUrl(text: string | undefined): URL {
  if (text === undefined || text.trim() === '') {
    throw new CliError(exitCodes.usage, {
      thing: 'server',
      reason: 'none is named',
      nextStep: 'give --url https://xnat.example.org or set XNAT_HOST',
    })
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`
  let url: URL
  try {
    url = new URL(withScheme)
  } catch {
    // Without its cause, which has the text as it stands: a password may be in it.
    const shown = redactText(withScheme)
    throw new CliError(exitCodes.usage, { thing: `'${shown}'`, reason: 'is no URL', nextStep })
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    const reason = `XNAT is reached by https or http, not ${url.protocol}`
    throw new CliError(exitCodes.usage, { thing: `'${text}'`, reason, nextStep })
  }
  if (url.username !== '' || url.password !== '') {
    // Not repeated here: the message may end in a log.
    throw new CliError(exitCodes.usage, {
      thing: `a URL of ${url.host}`,
      reason: 'there is a password in it, which everybody sees',
      nextStep: 'leave it out, and give --user and XNAT_PASS',
    })
  }
  return url
}
