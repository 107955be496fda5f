import { randomUUID } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { dicomDirectory, type IndexedFile } from '../data/dicom-directory.js'
import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { urlDecode } from '../http/text.js'
import { canReadScan } from '../store/access.js'
import type { Experiment, Scan } from '../store/model.js'
import { relativeTo } from './archive-names.js'
import { archiveAnswer } from './archive-stream.js'
import { storedFile } from './resource-stats.js'
import type { RestContext, RestResource } from './resource.js'
import { findSession } from './session-lookup.js'
import type { ArchiveMember } from './zip-writer.js'

/** `…/scans/{ID}/DICOMDIR`: the DICOM files of scans with their index, as a zip and nothing else (ScanDIRResource). */
export function scanDicomDir(context: RestContext): RestResource {
  return {
    variants: [MEDIA.zip],
    get: async () => {
      const { session } = findSession(context)
      if (!session) throw new StatusError(404, 'Unable to find the specified session.')
      const scans = selected(context, session)
      if (scans.length === 0) throw new StatusError(404, 'Unable to find the specified scan(s).')
      const members: ArchiveMember[] = []
      for (const scan of scans) members.push(...(await dicomFiles(context, session, scan)))
      return indexed(context, session, members)
    },
  }
}

/** By its ID as the URL spells it; otherwise by IDs and types that it decodes. */
function selected(context: RestContext, session: Experiment): Scan[] {
  const name = context.variable('SCAN_ID')!
  const scans = session.scans.filter((scan) =>
    canReadScan(context.services.database, session, scan, context.user),
  )
  const own = scans.find(({ id }) => id === name)
  if (own) return [own]
  const names = urlDecode(name).split(',')
  if (names.some((one) => one === 'ALL' || one === '*')) return scans
  return scans.filter(({ id, type }) => names.includes(id) || names.includes(type ?? 'NULL'))
}

async function dicomFiles(context: RestContext, session: Experiment, scan: Scan): Promise<ArchiveMember[]> {
  const tokens = new Map([[session.label, session.label]])
  const typed = scan.type ? `${scan.id}-${scan.type.replace(/\W/g, '_')}` : scan.id
  const members: ArchiveMember[] = []
  for (const resource of scan.resources.filter(({ format }) => format === 'DICOM')) {
    const opened = await context.services.catalogs.open(resource, session.project)
    for (const entry of opened.entries) {
      const file = storedFile(opened, entry)
      if (!file) continue
      const name = relativeTo(file.path, tokens).replaceAll(`/${scan.id}/`, `/${typed}/`)
      members.push({ name, ...file })
    }
  }
  return members
}

async function indexed(
  context: RestContext,
  session: Experiment,
  members: readonly ArchiveMember[],
): Promise<Answer> {
  const files: IndexedFile[] = []
  for (const { name, path } of members) files.push({ path: name, bytes: await readFile(path) })
  const path = join(context.services.temporary, randomUUID())
  await writeFile(path, dicomDirectory(files, `2.25.${BigInt(`0x${randomUUID().replaceAll('-', '')}`)}`))
  const { size, mtimeMs } = await stat(path)
  const index = { name: 'DICOMDIR', path, size, modifiedMs: mtimeMs }
  const answer = archiveAnswer(context, MEDIA.zip, session.label, [...members, index])
  const { body } = answer
  if (body?.kind !== 'stream') return answer
  return {
    ...answer,
    body: {
      ...body,
      write: async (sink) => {
        try {
          await body.write(sink)
        } finally {
          await rm(path, { force: true })
        }
      },
    },
  }
}
