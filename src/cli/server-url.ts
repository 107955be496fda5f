import { CliError, exitCodes } from './exit.js'

/**
 * The base URL of a server as people write it: with or without scheme (then https), a trailing slash, `/data` or a
 * path under which XNAT lives.
 * @throws CliError naming what is wrong with it
 */
export function parseServerUrl(text: string | undefined): string {
  if (text === undefined || text.trim() === '') {
    throw new CliError(exitCodes.usage, 'which server? give --url https://xnat.example.org or set XNAT_HOST')
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`
  let url: URL
  try {
    url = new URL(withScheme)
  } catch (cause) {
    throw new CliError(exitCodes.usage, `'${text}' is no URL; write it as https://xnat.example.org`, {
      cause,
    })
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new CliError(exitCodes.usage, `'${text}': XNAT is reached by https or http, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    // Not repeated here: the message may end in a log.
    throw new CliError(
      exitCodes.usage,
      'a password in the URL is seen by everybody; give --user and XNAT_PASS',
    )
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/(data|REST)$/, '')}`
}
