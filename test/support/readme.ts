import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from './processes.js'

export interface CodeBlock {
  /** What stands behind the fence: 'sh' and 'python' are run as they stand, 'text' and 'toml' are not. */
  readonly language: string
  readonly code: string
}

export async function readmeText(): Promise<string> {
  return readFile(join(repository, 'README.md'), 'utf8')
}

export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }))
}

/** The code spans in the first cell of each row of a table that begins with this heading. */
export function messagesOf(markdown: string, heading: string): string[][] {
  const table = new RegExp(String.raw`^\| ${heading} \|.*\n\|.*\n((?:\|.*\n)+)`, 'm').exec(markdown)
  const rows = (table?.[1] ?? '').trim().split('\n')
  return rows.map((row) => [...row.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, text]) => text!))
}
