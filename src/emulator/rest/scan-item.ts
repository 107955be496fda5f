import { EMPTY_OK, StatusError, type Answer } from '../http/answer.js'
import { canDeleteIn, canEditIn, canReadScan, isFrozen } from '../store/access.js'
import type { Experiment, Scan } from '../store/model.js'
import { isScan } from '../store/xsi-types.js'
import { isGuest } from '../users.js'
import { newScan, plainFields } from './entity-factory.js'
import { removeScanFolder } from './entity-folders.js'
import { ITEM_VARIANTS, itemAnswer } from './item-answer.js'
import { itemFromRequest, type ItemInput } from './item-input.js'
import { scanNode } from './item-tree.js'
import type { RestContext, RestResource } from './resource.js'
import { findSession } from './session-lookup.js'
import { shareScan } from './sharing.js'

/** `…/scans/{ID}`: ScanResource. The ID is not decoded here (§1.2). */
export function scanItem(context: RestContext): RestResource {
  const { session } = findSession(context)
  const id = context.variable('SCAN_ID')!
  return {
    variants: ITEM_VARIANTS,
    get: (mediaType) => {
      const found = existing(context, session, id)
      if (!session || !found) throw new StatusError(404, 'Unable to find the specified scan.')
      return itemAnswer(context, scanNode(context, session, found), mediaType)
    },
    put: () => put(context, session, id),
    delete: () => remove(context, session, id),
  }
}

function existing(context: RestContext, session: Experiment | undefined, id: string): Scan | undefined {
  const scan = session?.scans.find((candidate) => candidate.id === id)
  return scan && canReadScan(context.services.database, session!, scan, context.user) ? scan : undefined
}

async function put(context: RestContext, session: Experiment | undefined, id: string): Promise<Answer> {
  if (isGuest(context.user)) throw new StatusError(403, 'No authenticated user found.')
  const scan = existing(context, session, id)
  if (context.filePath !== '') {
    if (!context.filePath.startsWith('projects/')) throw new StatusError(400)
    if (!session) throw new StatusError(417, 'Could not load session')
    if (!scan) throw new StatusError(417, 'Could not load scan')
    return shareScan(context, session, scan)
  }
  const input = await itemFromRequest(context, scan?.xsiType, 'scan')
  if (!input) throw new StatusError(417, 'Need PUT Contents')
  checkType(input)
  if (!session) throw new StatusError(417, 'Specified scan must reference a valid image session.')
  await saveScan(context, session, scan, String(input.fields['ID'] ?? id), input)
  return EMPTY_OK
}

function checkType(input: ItemInput): void {
  if (!isScan(input.xsiType)) {
    throw new StatusError(
      400,
      `Only Scan documents can be PUT to this address. Expected: xnat:imageScanData Received: ${input.xsiType}`,
    )
  }
  if (input.xsiType === 'xnat:imageScanData') {
    throw new StatusError(
      400,
      'Multiple scan modalities can be associated here.  Please retry with the specification of a particular modality (i.e. ?xsiType=xnat:mrScanData).',
    )
  }
}

/** Makes a scan or changes one; also what POST to the list does. */
export async function saveScan(
  context: RestContext,
  session: Experiment,
  known: Scan | undefined,
  id: string,
  input: ItemInput,
): Promise<Scan> {
  const { database, now } = context.services
  if (!canEditIn(database.project(session.project), context.user)) {
    const what = known ? 'edit' : 'create'
    throw new StatusError(
      403,
      `Specified user account has insufficient ${what} privileges for sessions in this project.`,
    )
  }
  if (known && known.xsiType !== 'xnat:imageScanData' && known.xsiType !== input.xsiType) {
    throw new StatusError(409, 'Specified xsiType differs from existing xsiType')
  }
  const { type, ...fields } = plainFields(input.fields)
  const scan = known ?? newScan(database, id, input.xsiType, context.user.login)
  if (!known) session.scans.push(scan)
  scan.xsiType = input.xsiType
  const named = context.query.get('type') ?? type
  if (named !== undefined) scan.type = String(named)
  Object.assign(scan.fields, fields)
  scan.meta.lastModifiedMs = now()
  await database.commit()
  return scan
}

async function remove(context: RestContext, session: Experiment | undefined, id: string): Promise<Answer> {
  const { services, user } = context
  const scan = existing(context, session, id)
  if (!session || !scan) throw new StatusError(404, 'Unable to find the specified scan.')
  if (context.filePath !== '') throw new StatusError(400)
  if (!canDeleteIn(services.database.project(session.project), user)) {
    throw new StatusError(403, "User account doesn't have permission to modify this session.")
  }
  if (isFrozen(session)) throw new StatusError(403)
  session.scans.splice(session.scans.indexOf(scan), 1)
  await services.database.commit()
  await removeScanFolder(services, session, scan.id)
  return EMPTY_OK
}
