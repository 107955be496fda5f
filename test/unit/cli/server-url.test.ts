import { describe, expect, it } from 'vitest'
import { parseServerUrl, pathInArchive } from '../../../src/cli/server-url.js'

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

  it.each([
    ['https://xnat.example.org', 'https://xnat.example.org', ''],
    ['https://xnat.example.org/data', 'https://xnat.example.org', ''],
    ['https://xnat.example.org/data/projects/P/', 'https://xnat.example.org', 'projects/P'],
    ['https://host/xnat/REST/experiments/E1', 'https://host/xnat', 'experiments/E1'],
    ['host/data/archive/projects/a%20b', 'https://host', 'archive/projects/a b'],
    ['https://host/data/projects/data/subjects/1', 'https://host', 'projects/data/subjects/1'],
    ['https://host/database', 'https://host/database', ''],
  ])('takes %s for %s and the path %j', (text, url, path) => {
    expect([parseServerUrl(text), pathInArchive(text)]).toEqual([url, path])
  })

  it('refuses a path that is no text', () => {
    expect(() => pathInArchive('https://host/data/a%zz')).toThrow(expect.objectContaining({ exitCode: 2 }))
  })

  it.each([undefined, '', 'ftp://host', 'http://'])('refuses %s with the exit code for usage', (text) => {
    expect(() => parseServerUrl(text)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })

  it('refuses a password in the URL without repeating it', () => {
    expect(() => parseServerUrl('https://me:secret@host')).toThrow(/XNAT_PASS/)
    expect(() => parseServerUrl('https://me:secret@host')).not.toThrow(/secret/)
  })
})
