/** An answer to a log-in that is none of a session. */
export interface Refusal {
  readonly status: number
  /** What the page says, in one sentence; '' if nothing. */
  readonly sentence: string
  /** Where a 3xx leads. */
  readonly location: string | undefined
  readonly user: string
  readonly baseUrl: string
  /** What was refused. */
  readonly proof: 'password' | 'token'
}

export interface RefusalWords {
  readonly reason: string
  readonly nextStep: string
}

/**
 * Why XNAT lets somebody not in, and what to do, as far as it tells (xnat-wire.md §7). Undefined when the answer is no
 * refusal of this user.
 */
export function wordsOfRefusal(refusal: Refusal): RefusalWords | undefined {
  const { status, sentence, location, user, baseUrl } = refusal
  const isRedirect = status >= 300 && status < 400
  if (isRedirect && !isOfSite(location, baseUrl)) return undefined
  if (!isRedirect && status !== 401 && status !== 403) return undefined
  const text = `${sentence} ${location ?? ''}`
  if (/password has expired|ChangePassword|XDATScreen_UpdateUser/i.test(text)) {
    return {
      reason: `the password of '${user}' has expired`,
      nextStep: `set a new one at ${baseUrl} in a browser, then log in again`,
    }
  }
  if (/not yet been configured|\/setup\b/i.test(text)) {
    return {
      reason: `the site ${baseUrl} is not set up yet, and lets nobody in but its administrators`,
      nextStep: 'ask them',
    }
  }
  if (/(is|has been|currently) locked(?! you can)|locked out|account is locked/i.test(withoutAdvice(text))) {
    return {
      reason: `the account '${user}' is locked`,
      nextStep: `wait an hour, or reset the password at ${baseUrl} in a browser`,
    }
  }
  if (/disabled|InactiveAccount|not been enabled|not verified|VerifyEmail/i.test(text)) {
    return {
      reason: `the account '${user}' is not active (disabled, or its e-mail not verified)`,
      nextStep: `ask the administrators of ${baseUrl}`,
    }
  }
  if (isRedirect) {
    return {
      reason: `the site ${baseUrl} wants something of '${user}' in a browser first`,
      nextStep: 'log in there once, then again here',
    }
  }
  const saysNothing = /^$|^Your login attempt failed|^Apache Tomcat\b/.test(sentence)
  const said = saysNothing ? '' : ` (it says: ${sentence})`
  return refusal.proof === 'token'
    ? {
        reason: `the token of '${user}' is not valid any more${said}`,
        nextStep: `run \`xnatfs login ${baseUrl}\``,
      }
    : {
        reason: `the server refused user '${user}'${said}: a wrong name or password, an account that is locked (for an hour, after 20 wrong passwords), or too many sessions`,
        nextStep: `check user and password at ${baseUrl} in a browser before you try again`,
      }
}

/** XNAT's page for any refusal explains what would happen if the account were locked. */
function withoutAdvice(text: string): string {
  return text.replace(/If you believe your account is currently locked.*$/is, '')
}

function isOfSite(location: string | undefined, baseUrl: string): boolean {
  if (location === undefined) return false
  const target = new URL(location, baseUrl)
  return (
    target.host === new URL(baseUrl).host && /\/app\/|\/setup\b|Login|Password|Account/i.test(target.pathname)
  )
}
