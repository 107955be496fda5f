export interface Multipart {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const BOUNDARY = 'xnatfs-boundary-7d1f'

/** A multipart/form-data body with one part for each file; names go into the header as UTF-8, unescaped. */
export function multipart(files: Readonly<Record<string, string | Buffer>>): Multipart {
  const parts = Object.entries(files).flatMap(([name, content]) => [
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  }
}
