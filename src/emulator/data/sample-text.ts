import type { SourceFile } from './archive-builder.js'

export function textFile(path: string, text: string): SourceFile {
  return { path, from: Buffer.from(text, 'utf8') }
}
