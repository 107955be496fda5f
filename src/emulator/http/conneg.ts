import { MEDIA } from './media.js'

interface Preference {
  readonly main: string
  readonly sub: string
  readonly quality: number
}

function parseAccept(header: string | undefined): Preference[] {
  const preferences: Preference[] = []
  for (const part of (header ?? '').split(',')) {
    const [range, ...parameters] = part.split(';').map((piece) => piece.trim())
    const slash = range?.indexOf('/') ?? -1
    if (!range || slash < 0) continue
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    preferences.push({
      main: range.slice(0, slash),
      sub: range.slice(slash + 1),
      quality: quality === undefined ? 1 : Number(quality.slice(2)) || 0,
    })
  }
  return preferences.length > 0 ? preferences : [{ main: '*', sub: '*', quality: 1 }]
}

function score(mediaType: string, preference: Preference): number {
  const slash = mediaType.indexOf('/')
  let result = 0
  if (mediaType.slice(0, slash) === preference.main) result += 1000
  else if (preference.main !== '*' || preference.sub !== '*') return -1
  if (mediaType.slice(slash + 1) === preference.sub) return result + 100
  return preference.sub === '*' ? result : -1
}

/**
 * Restlet's choice of a variant: the best quality, and the first of equals. Undefined is 406. `variants` come in the
 * order in which the resource names them.
 */
export function preferredVariant(
  variants: readonly string[],
  accept: string | undefined,
): string | undefined {
  if (accept === undefined || accept === MEDIA.all) return variants[0]
  const preferences = parseAccept(accept)
  let best: string | undefined
  let bestQuality = -1
  for (const variant of variants) {
    let matched: Preference | undefined
    let matchedScore = -1
    for (const preference of preferences) {
      const current = score(variant, preference)
      if (current > matchedScore) {
        matched = preference
        matchedScore = current
      }
    }
    if (matched && matched.quality > bestQuality) {
      best = variant
      bestQuality = matched.quality
    }
  }
  return best
}
