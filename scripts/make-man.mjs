// Writes share/man/xnatfs.1 from the commands and options of the program as it is built.
import { mkdir, writeFile } from 'node:fs/promises'

// By its URL, so that the types of these scripts do not depend on whether the program is built.
const { manual } = await import(new URL('../dist/cli/manual/manual.js', import.meta.url).href)

const folder = new URL('../share/man/', import.meta.url)
await mkdir(folder, { recursive: true })
await writeFile(new URL('xnatfs.1', folder), manual())
