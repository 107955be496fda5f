import { existsSync, readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { storeUploads } from './file-put.js'
import { decodeFilePath } from './files.js'
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
  const [src, dest] = ['src', 'dest'].map((name) => context.query.get(name))
  if (src === undefined) throw new StatusError(400, 'Missing src and dest path')
  if (dest === undefined) throw new StatusError(400, 'Missing dest path')
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
    const isOver = context.query.isTrue('overwrite')
    const { duplicates } = await storeUploads(request, [localFile(file, name)], isOver)
    if (duplicates.length > 0 && !isOver) throw new StatusError(409, `${duplicates.join()} is there already`)
    await rm(file)
  }
  return EMPTY_OK
}

function filesAt(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
}
