import { describe, expect, it } from 'vitest'
import { parseNetrc } from '../../../src/cli/netrc.js'

describe('parseNetrc', () => {
  const text = `# comment
machine other.example.org login a password b
machine xnat.example.org
  login me
  password "with blank \\"quoted\\""
machine localhost:8080 login local password p8080
default login d password dp
`
  it.each([
    ['xnat.example.org', undefined, { user: 'me', password: 'with blank "quoted"' }],
    ['xnat.example.org', 'me', { user: 'me', password: 'with blank "quoted"' }],
    ['localhost:8080', undefined, { user: 'local', password: 'p8080' }],
    ['localhost:9090', undefined, { user: 'd', password: 'dp' }],
    ['xnat.example.org', 'somebody', undefined],
  ])('finds %s for user %s', (machine, user, expected) => {
    expect(parseNetrc(text, machine, user)).toEqual(expected)
  })

  it('finds nothing in what is no netrc', () => {
    expect(parseNetrc('', 'h')).toBeUndefined()
    expect(parseNetrc('machine h login only', 'h')).toBeUndefined()
  })
})
