import { describe, expect, it } from 'vitest'
import { redactHeader, redactText } from '../../../src/util/redact.js'

describe('text', () => {
  it.each([
    ['GET https://me:pa55@xnat.example.org/data', 'pa55'],
    ['/data/services/tokens/validate/0d9c-alias/v3rySecret?x=1', 'v3rySecret'],
    ['/data/services/tokens/invalidate/0d9c-alias', '0d9c-alias'],
    ['/data/projects;jsessionid=ABCDEF0123?format=json', 'ABCDEF0123'],
    ['/app?format=json&password=hunter2&x=1', 'hunter2'],
    ['/data/x?XNAT_CSRF=abc-123', 'abc-123'],
    ['/data/x?token=t0k3n', 't0k3n'],
    ['authorization: Basic bWU6cGE1NQ==', 'bWU6cGE1NQ=='],
    ['sent Bearer eyJhbGciOi.J9-x_y', 'eyJhbGciOi'],
    ['Cookie: JSESSIONID=0123456789ABCDEF; other=1', '0123456789ABCDEF'],
  ])('%s', (text, secret) => {
    expect(text).toContain(secret)
    expect(redactText(text)).not.toContain(secret)
    expect(redactText(text)).toContain('<redacted>')
  })

  it.each([
    'GET /data/experiments/XNAT_E00001/scans/ALL/files?format=json&all=true: 200',
    'read a@b.dcm: ESTALE TEST/1/MR1/scans/1/DICOM/a=b.dcm',
    'list TEST/sessions/1: the session is gone',
  ])('without secrets stays as it is: %s', (text) => {
    expect(redactText(text)).toBe(text)
  })
})

describe('headers', () => {
  it.each(['authorization', 'Cookie', 'set-cookie', 'Proxy-Authorization', 'X-CSRF-Token', 'x-api-key'])(
    '%s is not shown',
    (name) => expect(redactHeader(name, 'secret')).toBe('<redacted>'),
  )

  it('others are', () => expect(redactHeader('range', 'bytes=0-9')).toBe('bytes=0-9'))
})
