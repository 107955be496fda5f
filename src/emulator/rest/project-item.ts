import { EMPTY_OK, StatusError, outputAnswer, stringAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { canDeleteIn, findProject } from '../store/access.js'
import type { Fields, Project } from '../store/model.js'
import { isGuest } from '../users.js'
import { isAccessibility, isValidId, newProject, plainFields } from './entity-factory.js'
import { deleteProject } from './entity-folders.js'
import { ITEM_VARIANTS, itemAnswer } from './item-answer.js'
import { itemFromRequest, type ItemInput } from './item-input.js'
import { projectNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'

/** `/projects/{P}` and the settings that are reached as its remaining path: ProjectResource. */
export function projectItem(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => {
      if (!project) throw new StatusError(404, 'Unable to find the specified experiment.')
      if (context.filePath !== '') return stringAnswer(setting(project, context.filePath), mediaType)
      return itemAnswer(context, projectNode(context, project), mediaType)
    },
    put: () => put(context, project, id),
    delete: () => remove(context, project),
  }
}

function setting(project: Project, path: string): string {
  if (path === 'quarantine_code') return String(project.quarantineCode)
  if (path.startsWith('prearchive_code')) return String(project.prearchiveCode)
  if (path.startsWith('current_arc')) return project.currentArc
  if (path.startsWith('scan_type_mapping')) return String(project.scanTypeMapping)
  throw new StatusError(400)
}

async function put(context: RestContext, project: Project | undefined, id: string): Promise<Answer> {
  const { user } = context
  if (isGuest(user)) throw new StatusError(403)
  const path = context.filePath
  if (path !== '' && !project) {
    throw new StatusError(
      400,
      `You can't set the '${path.split('/')[0]}' attribute without specifying the project on which you want to set it.`,
    )
  }
  if (project && !canDeleteIn(project, user)) {
    throw new StatusError(403, `User ${user.login} doesn't have permission to edit the project ${id}`)
  }
  if (project && path !== '') {
    applySetting(project, path)
    await context.services.database.commit()
    return EMPTY_OK
  }
  const input = await itemFromRequest(context, 'xnat:projectData', 'project')
  if (!input) throw new StatusError(417, 'Need PUT Contents')
  await saveProject(context, project, id, input)
  return EMPTY_OK
}

function applySetting(project: Project, path: string): void {
  const [name, value] = [path.slice(0, path.indexOf('/')), path.slice(path.indexOf('/') + 1)]
  if (!path.includes('/')) throw new StatusError(400)
  // An empty value changes nothing.
  if (value === '') return
  if (name === 'quarantine_code') project.quarantineCode = settingCode(value)
  else if (name === 'prearchive_code') project.prearchiveCode = settingCode(value)
  else if (name === 'current_arc') project.currentArc = value
  else if (name === 'scan_type_mapping') project.scanTypeMapping = /^(?:true|yes|on|y|t)$/i.test(value)
  else throw new StatusError(400)
}

function settingCode(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  if (text === 'true') return 1
  if (text === 'false') return 0
  throw new StatusError(400, `The submitted code ${text} is invalid: must be an integer.`)
}

/** Makes a project or changes one; also what POST to the list does. */
export async function saveProject(
  context: RestContext,
  known: Project | undefined,
  id: string,
  input: ItemInput,
): Promise<void> {
  const { database, now } = context.services
  const stated = input.fields['ID']
  if (stated !== undefined && String(stated).toLowerCase() !== id.toLowerCase()) {
    throw new StatusError(
      417,
      'The project ID for the REST call must match the value in submitted request body.',
    )
  }
  if (!isValidId(id) && !context.query.isTrue('testHyphen')) {
    throw new StatusError(417, 'Invalid character in project ID.')
  }
  if (!known && database.retiredProjects.includes(id)) {
    throw new StatusError(
      403,
      `Project '${id}' was used in a previously deleted project and cannot be reused.`,
    )
  }
  const fields = plainFields(input.fields)
  checkConflicts(context, known, id, fields)
  const accessibility = context.query.get('accessibility')
  if (accessibility !== undefined && !isAccessibility(accessibility)) throw new StatusError(403)
  const project = known ?? newProject(database, id, context.user.login)
  if (!known) database.addProject(project)
  const {
    name,
    description,
    secondary_ID: secondaryId,
    alias,
    'aliases/alias/alias': aliasPath,
    ...rest
  } = fields
  if (name !== undefined) project.name = String(name)
  if (description !== undefined) project.description = String(description)
  if (secondaryId !== undefined) project.secondaryId = String(secondaryId)
  const newAlias = alias ?? aliasPath
  if (newAlias !== undefined) project.aliases = [...new Set([...project.aliases, String(newAlias)])]
  if (accessibility !== undefined) project.accessibility = accessibility
  Object.assign(project.fields, rest)
  project.meta.lastModifiedMs = now()
  await database.commit()
}

/** ID, secondary ID, name and aliases must be nobody else's; IDs whatever their case (§8). */
function checkConflicts(
  context: RestContext,
  known: Project | undefined,
  id: string,
  fields: ItemInput['fields'],
): void {
  const conflicts: string[] = []
  for (const other of context.services.database.projects()) {
    if (other === known) continue
    const clash = (value: Fields[string] | undefined, ...taken: string[]): boolean =>
      value !== undefined && taken.some((text) => text.toLowerCase() === String(value).toLowerCase())
    if (!known && clash(id, other.id, ...other.aliases)) conflicts.push(`ID ${id}`)
    if (clash(fields['secondary_ID'], other.secondaryId)) conflicts.push('secondary ID')
    if (clash(fields['name'], other.name)) conflicts.push('name')
  }
  if (conflicts.length === 0) return
  throw new StatusError(
    409,
    `Requested new project conflicts with existing projects: ${conflicts.join(', ')}`,
  )
}

async function remove(context: RestContext, project: Project | undefined): Promise<Answer> {
  if (!project || context.filePath !== '') throw new StatusError(400)
  if (!canDeleteIn(project, context.user)) throw new StatusError(403)
  await deleteProject(context.services, project, context.query.isTrue('removeFiles'))
  return EMPTY_OK
}

/** `/projects/{P}/accessibility[/{level}]`: ProjectAccessibilityResource. */
export function projectAccessibility(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const level = context.variable('ACCESS_LEVEL')
  const project = findProject(context.services.database, id, context.user)
  if (level === undefined && context.method === 'PUT') {
    throw new StatusError(400, 'You must specify the ACCESS_ID parameter for this PUT call')
  }
  if (!project) throw new StatusError(404, `Could not find the project with ID '${id}'`)
  return {
    variants: [MEDIA.plain],
    get: () => stringAnswer(project.accessibility),
    put: async () => {
      if (!canDeleteIn(project, context.user)) throw new StatusError(403)
      if (level === undefined || !isAccessibility(level)) throw new StatusError(500)
      project.accessibility = level
      await context.services.database.commit()
      return stringAnswer(level)
    },
  }
}

/** `/projects/{P}/archive_spec`: where the project's data lie. */
export function projectArchiveSpec(context: RestContext): RestResource {
  const id = context.variable('PROJECT_ID')!
  const project = findProject(context.services.database, id, context.user)
  if (!project) throw new StatusError(404)
  return {
    variants: [MEDIA.xml],
    get: () => {
      const { archiveRoot, prearchiveRoot } = context.services
      const text =
        '<?xml version="1.0" encoding="UTF-8"?>\n' +
        `<arc:project id="${project.id}" current_arc="${project.currentArc}" xmlns:arc="http://nrg.wustl.edu/arc">\n` +
        `<arc:paths><arc:archivePath>${archiveRoot}/</arc:archivePath>` +
        `<arc:prearchivePath>${prearchiveRoot}/</arc:prearchivePath></arc:paths>\n` +
        `<arc:prearchive_code>${project.prearchiveCode}</arc:prearchive_code>\n` +
        `<arc:quarantine_code>${project.quarantineCode}</arc:quarantine_code>\n</arc:project>\n`
      return outputAnswer(text, MEDIA.xml)
    },
  }
}
