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
    throw new CliError(
      exitCodes.usage,
      `'${text}': a % is followed by no two digits; write a % itself as %25`,
      { cause },
    )
  }
}

function partsOf(pathname: string): { readonly before: string; readonly after: string } | undefined {
  const match = /^(.*?)\/(?:data|REST)(?:\/(.*?))?\/*$/.exec(pathname)
  return match ? { before: match[1] ?? '', after: match[2] ?? '' } : undefined
}

function parseUrl(text: string | undefined): URL {
  if (text === undefined || text.trim() === '') {
    throw new CliError(exitCodes.usage, 'which server? give --url https://xnat.example.org or set XNAT_HOST')
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`
  let url: URL
  try {
    url = new URL(withScheme)
  } catch {
    // Without its cause, which has the text as it stands: a password may be in it.
    const shown = redactText(withScheme)
    throw new CliError(exitCodes.usage, `'${shown}' is no URL; write it as https://xnat.example.org`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    const example = 'write it as https://xnat.example.org'
    const reason = `XNAT is reached by https or http, not ${url.protocol}`
    throw new CliError(exitCodes.usage, `'${text}': ${reason}; ${example}`)
  }
  if (url.username !== '' || url.password !== '') {
    // Not repeated here: the message may end in a log.
    throw new CliError(
      exitCodes.usage,
      'a password in the URL is seen by everybody; give --user and XNAT_PASS',
    )
  }
  return url
}
