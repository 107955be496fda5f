/** Media types by the names XNAT's code uses for them. */
export const MEDIA = {
  all: '*/*',
  json: 'application/json',
  html: 'text/html',
  xml: 'text/xml',
  csv: 'text/csv',
  plain: 'text/plain',
  jpeg: 'image/jpeg',
  zip: 'application/zip',
  tar: 'application/x-tar',
  tarGz: 'application/x-gtar',
  xList: 'application/xList',
  xcat: 'application/xcat',
  xar: 'application/xar',
  excel: 'application/vnd.ms-excel',
  octetStream: 'application/octet-stream',
  multipart: 'multipart/form-data',
  form: 'application/x-www-form-urlencoded',
} as const

const formats: Readonly<Record<string, string>> = {
  xml: MEDIA.xml,
  json: MEDIA.json,
  csv: MEDIA.csv,
  txt: MEDIA.plain,
  html: MEDIA.html,
  zip: MEDIA.zip,
  'tar.gz': MEDIA.tarGz,
  tar: MEDIA.tar,
  xlist: MEDIA.xList,
  xcat: MEDIA.xcat,
  xar: MEDIA.xar,
}

/** What `?format=` asks for: a short name, or any media type spelt out. */
export function requestedMediaType(format: string | undefined): string | undefined {
  if (format === undefined) return undefined
  const known = formats[format.toLowerCase()]
  if (known) return known
  return /^[\w.+-]+\/[\w.+*-]+$/.test(format) ? format : undefined
}

export function isArchiveType(mediaType: string | undefined): boolean {
  return mediaType === MEDIA.zip || mediaType === MEDIA.tar || mediaType === MEDIA.tarGz
}

const byExtension: Readonly<Record<string, string>> = {
  bmp: 'image/bmp',
  gif: 'image/gif',
  html: MEDIA.html,
  jpg: MEDIA.jpeg,
  jpeg: MEDIA.jpeg,
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tiff: 'image/tiff',
  txt: MEDIA.plain,
  xml: MEDIA.xml,
}

/** Content-Type of a stored file. The extension is compared with its case (xnat-wire.md §3.1). */
export function fileMediaType(name: string): string {
  const dot = name.lastIndexOf('.')
  return (dot < 0 ? undefined : byExtension[name.slice(dot + 1)]) ?? MEDIA.octetStream
}

/** The media type of a Content-Type header without its parameters, in lower case; undefined if there is none. */
export function bareMediaType(header: string | undefined): string | undefined {
  const type = header?.split(';', 1)[0]?.trim().toLowerCase()
  return type ? type : undefined
}
