import { describe, expect, it } from 'vitest'
import { parseServerUrl } from '../../../src/cli/server-url.js'

describe('parseServerUrl', () => {
  it.each([
    ['https://xnat.example.org', 'https://xnat.example.org'],
    ['https://xnat.example.org/', 'https://xnat.example.org'],
    ['xnat.example.org', 'https://xnat.example.org'],
    ['http://localhost:8080/xnat/', 'http://localhost:8080/xnat'],
    ['https://xnat.example.org/data', 'https://xnat.example.org'],
    ['https://xnat.example.org/xnat/REST/', 'https://xnat.example.org/xnat'],
  ])('takes %s for %s', (text, url) => {
    expect(parseServerUrl(text)).toBe(url)
  })

  it.each([undefined, '', 'ftp://host', 'http://'])('refuses %s with the exit code for usage', (text) => {
    expect(() => parseServerUrl(text)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })

  it('refuses a password in the URL without repeating it', () => {
    expect(() => parseServerUrl('https://me:secret@host')).toThrow(/XNAT_PASS/)
    expect(() => parseServerUrl('https://me:secret@host')).not.toThrow(/secret/)
  })
})
