import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { RestClient } from './rest-client.js'

/** Each file by its path, as `<bytes> <MD5>`; each folder as `folder`. Two trees are the same if these are equal. */
export type FileTree = Readonly<Record<string, string>>

/** What a folder holds; sizes are those of `stat` and of the bytes, which must agree. */
export async function treeIn(folder: string): Promise<FileTree> {
  const tree: Record<string, string> = {}
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of found) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    if (entry.isDirectory()) tree[name] = 'folder'
    else if (entry.isFile()) tree[name] = facts(await readFile(path))
    else tree[name] = 'neither a file nor a folder'
  }
  return tree
}

/** A tree as a server can keep it: without folders. */
export function filesOf(tree: FileTree): FileTree {
  return Object.fromEntries(Object.entries(tree).filter(([, what]) => what !== 'folder'))
}

interface FileRow {
  readonly URI: string
  readonly Size: string
  readonly digest: string
}

/**
 * What a server has in a resource: the listing, and the bytes of each file, which must be what the listing says.
 * @param resource the path of its URI, such as `/data/…/resources/NIFTI`
 */
export async function storedTree(client: RestClient, resource: string): Promise<FileTree> {
  const listing = await client.get(`${resource}/files?format=json`)
  if (listing.status !== 200) throw new Error(`${resource} cannot be listed: ${listing.status}`)
  const { ResultSet } = JSON.parse(listing.body.toString()) as { ResultSet: { Result: FileRow[] } }
  const tree: Record<string, string> = {}
  for (const { URI, Size, digest } of ResultSet.Result) {
    const name = URI.split(/\/resources\/\d+\/files\//)[1]!
    const { status, body } = await client.get(`${resource}/files/${escaped(name)}`)
    const bytes = facts(body)
    const isAsListed = status === 200 && bytes === `${Size} ${digest}`
    tree[name] = isAsListed ? bytes : `listed as ${Size} ${digest}, answered with ${status}: ${bytes}`
  }
  return tree
}

/** Makes a resource of what a folder holds, as any client would. */
export async function storeTree(client: RestClient, folder: string, resource: string): Promise<void> {
  await client.put(resource)
  for (const name of Object.keys(filesOf(await treeIn(folder)))) {
    await client.put(`${resource}/files/${escaped(name)}`, await readFile(join(folder, name)))
  }
}

function escaped(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/')
}

function facts(bytes: Buffer): string {
  return `${bytes.length} ${createHash('md5').update(bytes).digest('hex')}`
}
