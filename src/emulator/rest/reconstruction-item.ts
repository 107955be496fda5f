import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { canDeleteIn, canEditIn, isFrozen } from '../store/access.js'
import { reconstructionFolder } from '../store/layout.js'
import type { Experiment, Reconstruction } from '../store/model.js'
import { newReconstruction, plainFields } from './entity-factory.js'
import { ITEM_VARIANTS, itemAnswer } from './item-answer.js'
import { itemFromRequest, type ItemInput } from './item-input.js'
import { reconstructionNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'
import { findSession } from './session-lookup.js'

/** `…/reconstructions/{ID}`: ReconResource. */
export function reconstructionItem(context: RestContext): RestResource {
  const { session } = findSession(context)
  const id = context.variable('RECON_ID')!
  const existing = session?.reconstructions.find((candidate) => candidate.id === id)
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => {
      if (!session || !existing) throw new StatusError(404, 'Unable to find the specified reconstruction.')
      return itemAnswer(context, reconstructionNode(context, session, existing), mediaType)
    },
    put: async () => {
      const input = await itemFromRequest(context, 'xnat:reconstructedImageData', 'reconstruction')
      if (!input) throw new StatusError(417, 'Need POST Contents')
      if (context.filePath !== '') throw new StatusError(400)
      if (input.xsiType !== 'xnat:reconstructedImageData') {
        throw new StatusError(422, 'Only reconstruction documents can be PUT to this address.')
      }
      if (!session) {
        throw new StatusError(417, 'Specified reconstruction must reference a valid image session.')
      }
      await saveReconstruction(context, session, existing, String(input.fields['ID'] ?? id), input)
      return EMPTY_OK
    },
    delete: () => remove(context, session, existing),
  }
}

/** Makes a reconstruction or changes one; also what POST to the list does. */
export async function saveReconstruction(
  context: RestContext,
  session: Experiment,
  known: Reconstruction | undefined,
  id: string,
  input: ItemInput,
): Promise<Reconstruction> {
  const { database, now } = context.services
  if (!canEditIn(database.project(session.project), context.user)) {
    const what = known ? 'edit' : 'create'
    throw new StatusError(
      403,
      `Specified user account has insufficient ${what} privileges for sessions in this project.`,
    )
  }
  const { type, ...fields } = plainFields(input.fields)
  const reconstruction = known ?? newReconstruction(database, id, context.user.login)
  if (!known) session.reconstructions.push(reconstruction)
  const named = context.query.get('type') ?? type
  if (named !== undefined) reconstruction.type = String(named)
  Object.assign(reconstruction.fields, fields)
  reconstruction.meta.lastModifiedMs = now()
  await database.commit()
  return reconstruction
}

async function remove(
  context: RestContext,
  session: Experiment | undefined,
  existing: Reconstruction | undefined,
): Promise<Answer> {
  const { services, user } = context
  if (!session || !existing) throw new StatusError(404, 'Unable to find the specified reconstruction.')
  if (context.filePath !== '') throw new StatusError(400)
  if (!canDeleteIn(services.database.project(session.project), user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  if (isFrozen(session)) throw new StatusError(403)
  session.reconstructions.splice(session.reconstructions.indexOf(existing), 1)
  await services.database.commit()
  // Any value of removeFiles counts here, even "false".
  if (context.query.has('removeFiles')) {
    const folder = join(services.archiveRoot, reconstructionFolder(session, existing))
    await rm(folder, { recursive: true, force: true })
  }
  return EMPTY_OK
}
