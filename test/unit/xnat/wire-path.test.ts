import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodesPaths,
  exactPath,
  readPath,
  shownPath,
  storePath,
  storedAs,
} from '../../../src/xnat/wire-path.js'

/** What XNAT ≥ 1.8.4 takes the path in a URL for (xnat-wire.md §3.6). */
function serverPath(urlPath: string): string {
  return /%20|%2B/.test(urlPath) ? javaDecode(urlPath) : urlPath
}

/** What Tomcat answers 400 to. */
const refused = /%(2f|5c|00)/i

/** java.net.URLDecoder: a plus is a blank. */
function javaDecode(text: string): string {
  return decodeURIComponent(text.replaceAll('+', '%20'))
}

/** The file that a GET of this URL finds among these: the path as sent comes before its decoded form. */
function found(urlPath: string, stored: readonly string[]): string | undefined {
  const path = serverPath(urlPath)
  return (
    stored.find((name) => name === path) ?? stored.find((name) => name === safely(() => javaDecode(path)))
  )
}

function safely(decode: () => string): string | undefined {
  try {
    return decode()
  } catch {
    return undefined
  }
}

const names = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', 'b/c', ' ', '+', '%', '#', '%23', '%20', '%2F', 'é', '[', '&', ';x=1', '='),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(''))
  .filter((name) => name.isWellFormed() && !/\p{Cc}|\\/u.test(name))
  .filter((name) => name.split('/').every((part) => part !== '' && !/^(\.|%2e){1,2}$/i.test(part)))

describe('the path of a file in a URL', () => {
  it.each([
    ['a b', 'a%20b', 'a b'],
    ['a+b', 'a+b', 'a+b'],
    ['a+#b', 'a%2B%23b', 'a+#b'],
    ['a b+c', 'a%20b%2Bc', 'a b+c'],
    ['a#b', 'a%23b', 'a%23b'],
    ['é', '%C3%A9', '%C3%A9'],
    ['a #b', 'a%20%23b', 'a #b'],
    ['EPI_PE=AP_3.nii', 'EPI_PE=AP_3.nii', 'EPI_PE=AP_3.nii'],
    ['sub dir/a#b', 'sub%20dir/a%23b', 'sub dir/a#b'],
  ])('%j is put to %j, stored as %j and shown as it was', (name, url, stored) => {
    expect(storePath(name)).toBe(url)
    expect(storedAs(name)).toBe(stored)
    expect(shownPath(stored)).toBe(name)
  })

  it('is stored under the name that storedAs foretells, and shown under its own', () => {
    fc.assert(
      fc.property(names, (name) => {
        expect(serverPath(storePath(name))).toBe(storedAs(name))
        expect(shownPath(storedAs(name))).toBe(name)
      }),
      { numRuns: 3000 },
    )
  })

  it('finds any stored file for reading, also among others, unless one is stored under its very escapes', () => {
    fc.assert(
      fc.property(names, fc.array(names, { maxLength: 3 }), (stored, others) => {
        const path = readPath(stored)
        expect(path).toBeDefined()
        if (exactPath(stored) === undefined && others.includes(path!)) return // shadowed: nothing can be done
        expect(found(path!, [...others, stored])).toBe(stored)
      }),
      { numRuns: 3000 },
    )
  })

  it('does not exist where URLs are rewritten', () => {
    for (const stored of ['./a', 'a/../b', '..', 'a//b', '%2e%2E/x', '.%2e']) {
      expect([readPath(stored), exactPath(stored)]).toEqual([undefined, undefined])
    }
  })

  it('does not exist where Tomcat refuses the URL', () => {
    for (const stored of ['a\\b', 'a \\b', 'c/a\\#b']) {
      expect([readPath(stored), exactPath(stored)]).toEqual([undefined, undefined])
    }
  })

  it.each(['a%2Fb', 'a%5cb', 'a%00b'])('of a file that an import called %s is for reading only', (stored) => {
    expect(exactPath(stored)).toBeUndefined()
    expect(readPath(stored)).not.toMatch(refused)
    expect(found(readPath(stored)!, [stored])).toBe(stored)
  })

  it('hits exactly the stored file for overwriting and deleting, or does not exist', () => {
    fc.assert(
      fc.property(names, (stored) => {
        const path = exactPath(stored)
        return path === undefined || (serverPath(path) === stored && !refused.test(path))
      }),
      { numRuns: 3000 },
    )
  })

  it('exists for every file that was put by us', () => {
    fc.assert(
      fc.property(names, (name) => exactPath(storedAs(name)) !== undefined),
      { numRuns: 3000 },
    )
  })

  it('serves servers before 1.8.4 too, which decode nothing', () => {
    fc.assert(
      fc.property(names, (name) => {
        const stored = storePath(name)
        expect(shownPath(stored)).toBe(name)
        expect(exactPath(stored, false)).toBe(stored)
      }),
      { numRuns: 3000 },
    )
    for (const imported of ['a b', 'a+b#c', 'é', '100%']) expect(exactPath(imported, false)).toBeUndefined()
  })

  it.each([
    ['1.8.3', false],
    ['1.7.4.1', false],
    ['1.8', false],
    ['1.8.4', true],
    ['1.8.11-SNAPSHOT', true],
    ['1.10.0-rc', true],
    ['2.0', true],
    ['dev', true],
    [undefined, true],
  ])('is decoded by version %s: %s', (version, isDecoded) => {
    expect(decodesPaths(version)).toBe(isDecoded)
  })

  it('does not exist for a name that came by import and that no URL can carry', () => {
    expect(exactPath('a#b')).toBeUndefined()
    expect(exactPath('a%20b')).toBeUndefined()
  })

  it('shows what is no escape of ours as it is', () => {
    for (const stored of ['100%', '%41', '%zz', '%C3', 'a%2Fb', 'a b%23'])
      expect(shownPath(stored)).toBe(stored)
  })
})
