import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA, isArchiveType } from '../http/media.js'
import { experimentById, experimentByLabel, findProject } from '../store/access.js'
import type { Experiment } from '../store/model.js'
import { isSubjectAssessor } from '../store/xsi-types.js'
import { isGuest } from '../users.js'
import { archiveAnswer } from './archive-stream.js'
import { fileAnswer } from './file-single.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'
import type { ArchiveMember } from './zip-writer.js'

/** `/experiments/{E}/DIR[/glob/path]`: the session's folder as it lies on disk (DIRResource, §2.9). */
export function sessionDirectory(context: RestContext): RestResource {
  const { services, user } = context
  const { database } = services
  const projectId = context.variable('PROJECT_ID')
  const project = projectId === undefined ? undefined : findProject(database, projectId, user)
  const name = context.variable('EXPT_ID')!
  const experiment =
    experimentById(database, name, user) ??
    (project ? experimentByLabel(database, project.id, name, user) : undefined)
  if (!experiment) throw new StatusError(404)
  return { variants: [MEDIA.xml], get: (mediaType) => represent(context, experiment, mediaType) }
}

function represent(context: RestContext, experiment: Experiment, mediaType: string): Answer {
  if (isGuest(context.user)) throw new StatusError(401)
  if (!isSubjectAssessor(experiment.xsiType)) {
    throw new StatusError(400, 'Resource only available for extensions of the xnat:subjectAssessorData type.')
  }
  const root = join(context.services.archiveRoot, experiment.folder)
  if (!isDirectory(root)) {
    throw new StatusError(404, "Session directory doesn't exist in standard location for this experiment.")
  }
  const path = context.filePath
  const matches = path === '' ? [root] : matchingPaths(root, path)
  if (matches.length === 0) throw new StatusError(404, "Specified request didn't match any stored files.")
  const only = matches[0]!
  if (matches.length === 1 && !isDirectory(only)) return oneFile(context, root, only, mediaType)
  return several(context, experiment, root, matches, mediaType)
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** Each part of the path is a glob; `..` is refused. Percent-escapes are not decoded. */
function matchingPaths(root: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  if (parts.includes('..')) throw new StatusError(400, "'..' is not allowed in this resource URI.")
  let found = [root]
  for (const part of parts) {
    const pattern = globPattern(part)
    found = found.flatMap((folder) =>
      isDirectory(folder)
        ? readdirSync(folder)
            .filter((name) => pattern.test(name))
            .map((name) => join(folder, name))
        : [],
    )
  }
  return found
}

function globPattern(glob: string): RegExp {
  const source = glob.replace(/[*?]|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '*') return '.*'
    return token === '?' ? '.' : `\\${token}`
  })
  return new RegExp(`^${source}$`)
}

function asMember(root: string, path: string): ArchiveMember {
  const info = statSync(path)
  return { name: relative(root, path), path, size: info.size, modifiedMs: info.mtimeMs }
}

function oneFile(context: RestContext, root: string, path: string, mediaType: string): Answer {
  const member = asMember(root, path)
  if (!isArchiveType(mediaType)) return fileAnswer(member)
  const name = path.slice(path.lastIndexOf('/') + 1)
  return archiveAnswer(context, mediaType, name, [underLabel(root, member)])
}

/** Names in archives begin at the folder that bears the session's label (ZipRepresentation.addEntry). */
function underLabel(root: string, member: ArchiveMember): ArchiveMember {
  return { ...member, name: `${root.slice(root.lastIndexOf('/') + 1)}/${member.name}` }
}

function childrenOf(folder: string, recursive: boolean): string[] {
  if (!isDirectory(folder)) return [folder]
  const names = readdirSync(folder).map((name) => join(folder, name))
  if (!recursive) return names
  return names.flatMap((path) => (isDirectory(path) ? childrenOf(path, true) : [path]))
}

function several(
  context: RestContext,
  experiment: Experiment,
  root: string,
  matches: readonly string[],
  mediaType: string,
): Answer {
  const isXar = mediaType === MEDIA.xar || /\/XAR\/?$/.test(context.exchange.path)
  const recursive = context.query.isTrue('recursive') || isXar
  const sets = matches.map((match) => ({ parent: match, paths: childrenOf(match, recursive) }))
  if (isXar || isArchiveType(mediaType)) {
    const files = sets.flatMap(({ paths }) => paths).filter((path) => !isDirectory(path))
    const members = files.map((path) => underLabel(root, asMember(root, path)))
    return archiveAnswer(context, isXar ? MEDIA.xar : mediaType, experiment.label, members)
  }
  const suffix = context.query.has('format') ? `?format=${context.query.get('format')}` : ''
  const rows = sets.flatMap(({ parent, paths }) =>
    paths.map((path): Cell[] => {
      const directory = isDirectory(path)
      const slash = directory ? '/' : ''
      const name = path === parent ? '' : `${relative(parent, path)}${slash}`
      const uri = `/data/experiments/${experiment.id}/DIR/${relative(root, path)}${slash}${directory ? suffix : ''}`
      return [name, directory, statSync(path).size, uri]
    }),
  )
  const columns = { URI: { serverRoot: context.exchange.contextPath } }
  const table = { columns: ['Name', 'DIR', 'Size', 'URI'], rows }
  return tableAnswer(context, table, mediaType, { title: 'Files' }, columns)
}
