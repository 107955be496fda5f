import { existsSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import type { Query } from '../http/query.js'
import { storeUploads } from './file-put.js'
import { decodeFilePath } from './files.js'
import { lastOf, parametersOf } from './form-parameters.js'
import { variablesOf } from './refresh-catalog.js'
import { ResourceSelection } from './resource-selection.js'
import { RestContext, type RestResource } from './resource.js'
import { localFile } from './upload-body.js'

const SOURCE = /^\/(?:data\/)?user\/cache\/resources\/([^/]+)\/files(?:\/(.+))?$/
const TARGET = /^((?:\/data)?\/archive\/.+\/resources\/[^/]+)\/files(?:\/(.*))?$/

/** `/services/move-files?src=&dest=`: a file of a user's folder, or all of them, into a resource (MoveFiles, FileMover). */
export function moveFiles(context: RestContext): RestResource {
  return { variants: [], post: () => move(context) }
}

async function move(context: RestContext): Promise<Answer> {
  const queries = await parametersOf(context)
  const isOver = queries.some((query) => query.isTrue('overwrite'))
  for (const { src, dest } of movesIn(queries)) await moveOne(context, src, dest, isOver)
  return EMPTY_OK
}

/** From `src` to `dest`, and from what is the name of a parameter to what is its value. */
function movesIn(queries: readonly Query[]): { src: string; dest: string }[] {
  const moves = queries.flatMap((query) =>
    query
      .names()
      .filter((name) => name.includes('/'))
      .flatMap((src) => query.all(src).map((dest) => ({ src, dest }))),
  )
  const [src, dest] = [lastOf(queries, 'src'), lastOf(queries, 'dest')]
  if (src !== undefined && dest === undefined) throw new StatusError(400, 'Missing dest path')
  if (src !== undefined && dest !== undefined) moves.push({ src, dest })
  if (moves.length === 0) throw new StatusError(400, 'Missing src and dest path')
  return moves
}

async function moveOne(context: RestContext, src: string, dest: string, isOver: boolean): Promise<void> {
  const source = SOURCE.exec(src)
  if (!source) throw new StatusError(400, `Invalid Source:${src}`)
  const target = TARGET.exec(dest)
  if (!target) throw new StatusError(400, `Invalid Destination:${dest}`)
  const { cacheRoot } = context.services
  const own = join(cacheRoot, 'USERS', String(context.user.id))
  const path = join(own, source[1]!, source[2] ?? '')
  if (!path.startsWith(`${own}/`) || !existsSync(path)) throw new StatusError(404, `Unknown ${src}`)
  const inner = new RestContext(
    context.exchange,
    context.services,
    variablesOf(target[1]!.replace(/^\/data/, '')),
    '',
  )
  const selection = new ResourceSelection(inner, false)
  if (!selection.parents()[0]) throw new StatusError(404, `Unknown ${dest}`)
  for (const file of filesAt(path)) {
    const below = relative(path, file)
    const wanted = [target[2] ?? '', below].filter((part) => part !== '').join('/')
    const name = wanted === '' ? (source[2] ?? '').split('/').at(-1)! : wanted
    const request = {
      context: inner,
      selection,
      resources: selection.named(),
      filePath: decodeFilePath(name),
      acceptNotFound: false,
    }
    const { duplicates } = await storeUploads(request, [localFile(file, name)], isOver)
    if (duplicates.length > 0 && !isOver) throw new StatusError(409, `${duplicates.join()} is there already`)
    await rm(file)
  }
}

function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
}
