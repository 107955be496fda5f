import { join } from 'node:path'
import type { PrearchiveScan, PrearchiveSession } from '../store/model.js'
import type { ArchiveBuilder, ImportTarget, ResourceSpec, SourceFile } from './archive-builder.js'
import { seriesUid, studyUid, type SeriesDescription } from './phantom.js'
import { dicomFiles } from './sample-series.js'
import { textFile } from './sample-text.js'

/** Sessions that wait in the prearchive: one as a scanner sends it, others with what is legal and odd. */
export async function buildPrearchive(target: ImportTarget, builder: ArchiveBuilder): Promise<void> {
  const of: SeriesDescription = {
    patientId: '2',
    patientName: 'Phantom^Two',
    studyId: 'PRE1',
    studyDescription: 'Sample study',
    number: 1,
    description: 'T1 localizer',
    contrast: 'T1',
    slices: 2,
  }
  const dicom = { label: 'DICOM', format: 'DICOM', content: 'RAW', seriesUid: seriesUid(of) }
  const raw = [{ spec: dicom, files: dicomFiles(of) }]
  await addSession(target, builder, waiting('TEST', 'PRE1', studyUid(of)), [
    { id: '1', description: of.description, resources: raw },
  ])
  const names = [
    textFile('plain.txt', 'plain\n'),
    textFile('with blank.txt', 'blank\n'),
    textFile('a+b.txt', 'plus\n'),
    textFile('a#b.txt', 'hash\n'),
    textFile('100%.txt', 'percent\n'),
    textFile("it's <a> & b.txt", 'entities\n'),
    textFile('é.txt', 'accent\n'),
    textFile('%23.txt', 'an escape\n'),
    textFile('in/files/same.txt', 'in a folder called files\n'),
    textFile('in/same.txt', 'in a folder\n'),
    textFile('empty.dat', ''),
  ]
  const notes = [textFile('note.txt', 'two resources\n')]
  await addSession(target, builder, waiting('ODD', 'PRE2', ''), [
    {
      id: '1-MR1',
      description: 'odd names',
      resources: [
        { spec: { label: 'NAMES' }, files: names },
        { spec: { label: 'NOTES' }, files: notes },
      ],
    },
    { id: '2', description: 'nothing in it', resources: [] },
  ])
  await addSession(target, builder, { ...waiting('ODD', 'PRE3', ''), status: 'RECEIVING' }, [])
  const protocol = [
    textFile('protocol.txt', 'of the session\n'),
    textFile('in/deep file.txt', 'in a folder\n'),
  ]
  await addSession(target, builder, waiting(null, 'PRE4', ''), [
    {
      id: '1',
      description: 'of no project',
      resources: [{ spec: { label: 'NOTES' }, files: [textFile('note.txt', "nobody's note\n")] }],
    },
  ])
  await addOwn(target, builder, builder.database.prearchive.at(-1)!, 'PROTOCOL', protocol)
}

function waiting(project: string | null, name: string, tag: string): PrearchiveSession {
  return {
    project,
    timestamp: '20260101_120000123',
    folderName: name,
    name,
    subject: '2',
    tag,
    status: 'READY',
    uploadedMs: Date.UTC(2026, 0, 1, 12, 0, 0, 123),
    lastModifiedMs: Date.UTC(2026, 0, 1, 12, 5),
    scanDate: '2026-01-05',
    scanTime: '10:00:00.000',
    xsiType: 'xnat:mrSessionData',
    scans: [],
  }
}

/** A resource of the session itself. */
async function addOwn(
  { prearchiveRoot }: ImportTarget,
  builder: ArchiveBuilder,
  session: PrearchiveSession,
  label: string,
  files: readonly SourceFile[],
): Promise<void> {
  const { project, timestamp, folderName } = session
  const folder = join(prearchiveRoot, project ?? 'Unassigned', timestamp, folderName, 'RESOURCES', label)
  await builder.storeFiles(join(folder, `${label}_catalog.xml`), { label }, files, project ?? '', 0)
  session.resources = [...(session.resources ?? []), label]
}

interface SampleScan {
  readonly id: string
  readonly description: string
  readonly resources: readonly {
    readonly spec: ResourceSpec & { readonly label: string }
    readonly files: readonly SourceFile[]
  }[]
}

async function addSession(
  { prearchiveRoot }: ImportTarget,
  builder: ArchiveBuilder,
  session: PrearchiveSession,
  scans: readonly SampleScan[],
): Promise<void> {
  const { project, timestamp, folderName } = session
  const folder = join(prearchiveRoot, project ?? 'Unassigned', timestamp, folderName, 'SCANS')
  for (const { id, description, resources } of scans) {
    for (const { spec, files } of resources) {
      const catalog = join(folder, id, spec.label, `scan_${id}_catalog.xml`)
      await builder.storeFiles(catalog, spec, files, project ?? '', 0)
    }
    const labels = resources.map(({ spec }) => spec.label)
    const scan: PrearchiveScan = {
      id,
      xsiType: 'xnat:mrScanData',
      seriesDescription: description,
      resources: labels,
    }
    session.scans.push(scan)
  }
  builder.database.prearchive.push(session)
}
