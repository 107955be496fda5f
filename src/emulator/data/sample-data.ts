import type { Experiment, Scan, Subject } from '../store/model.js'
import { ArchiveBuilder, type ImportTarget } from './archive-builder.js'
import { phantomSnapshot, seriesUid, studyUid, type Contrast, type SeriesDescription } from './phantom.js'
import { buildOddities } from './sample-oddities.js'
import { buildPrearchive } from './sample-prearchive.js'
import { dicomFiles } from './sample-series.js'
import { textFile } from './sample-text.js'

/** The data an emulator starts with when it is given none: project TEST, and project ODD with legal oddities. */

const SCANS: readonly (readonly [id: string, contrast: Contrast, slices: number, description: string])[] = [
  ['1', 'T1', 16, 'T1 axial'],
  ['2', 'T1', 12, 'T1 axial repeat'],
  ['3', 'T2', 16, 'T2 axial'],
  ['4', 'T2', 12, 'T2 axial repeat'],
]

function series(number: number, contrast: Contrast, slices: number, description: string): SeriesDescription {
  return {
    patientId: '1',
    patientName: 'Phantom^One',
    studyId: 'MR1',
    studyDescription: 'Sample study',
    number,
    description,
    contrast,
    slices,
  }
}

export async function buildSample(target: ImportTarget): Promise<void> {
  const builder = new ArchiveBuilder(target)
  const project = builder.project('TEST', {
    name: 'Test project',
    description: 'Generated sample data',
    secondaryId: 'TEST',
  })
  project.fields = { 'PI/firstname': 'Ada', 'PI/lastname': 'Admin' }
  await builder.resource({ kind: 'project', project }, { label: 'docs', format: 'TEXT', content: 'DOC' }, [
    textFile('README.txt', 'Sample project of the embedded XNAT.\n'),
    textFile('protocol/mr/sequences.txt', 'T1, T2\n'),
    textFile('protocol/mr/notes/deep.txt', 'three folders down\n'),
  ])
  const subject = builder.subject(project, '1')
  subject.fields = { gender: 'male', age: 35, handedness: 'right' }
  await builder.resource({ kind: 'subject', subject }, { label: 'forms', format: 'TEXT', content: 'FORM' }, [
    textFile('consent.txt', 'signed\n'),
  ])
  const session = await buildSession(builder, subject)
  await buildOddities(builder, subject, session)
  await buildPrearchive(target, builder)
  addSettings(target)
}

function addSettings({ database }: ImportTarget): void {
  const kept = { user: 'admin', createdMs: database.now(), version: 1, status: 'enabled' } as const
  const filter = '{"mode":"blacklist","list":""}'
  const script = '(0010,0010) := "anonymous"\n'
  database.settings.push(
    { ...kept, tool: 'seriesImportFilter', path: 'config', project: null, contents: filter },
    { ...kept, tool: 'anon', path: 'script', project: null, contents: script },
    { ...kept, tool: 'anon', path: '/projects/TEST', project: 'TEST', contents: script },
    { ...kept, tool: 'protocols', path: 'sequences/t1', project: 'TEST', contents: 'TR 600\n' },
  )
}

async function buildSession(builder: ArchiveBuilder, subject: Subject): Promise<Experiment> {
  const session = builder.experiment(subject, 'MR1', 'xnat:mrSessionData')
  session.fields = {
    date: '2026-01-05',
    time: '10:00:00',
    modality: 'MR',
    UID: studyUid(series(1, 'T1', 1, '')),
    scanner: 'SAMPLE1',
    'scanner/manufacturer': 'xnatfs',
    'scanner/model': 'Ellipsoid 64',
    fieldStrength: '3.0',
    session_type: 'Sample study',
    dcmPatientId: '1',
    dcmPatientName: 'Phantom^One',
  }
  for (const [id, contrast, slices, description] of SCANS) {
    await buildScan(builder, session, id, series(Number(id), contrast, slices, description))
  }
  await builder.resource({ kind: 'experiment', experiment: session }, { label: 'QC', format: 'csv' }, [
    textFile('qc.csv', 'scan,quality\n1,usable\n2,usable\n3,usable\n4,questionable\n'),
  ])
  await buildDerived(builder, session)
  return session
}

async function buildScan(
  builder: ArchiveBuilder,
  session: Experiment,
  id: string,
  of: SeriesDescription,
): Promise<Scan> {
  const scan = builder.scan(session, id, 'xnat:mrScanData')
  scan.type = of.contrast
  scan.fields = {
    series_description: of.description,
    quality: id === '4' ? 'questionable' : 'usable',
    UID: seriesUid(of),
    modality: 'MR',
    frames: of.slices,
    fieldStrength: '3.0',
    'parameters/tr': of.contrast === 'T1' ? 600 : 4000,
    'parameters/te': of.contrast === 'T1' ? 12 : 98,
    'parameters/flip': 90,
  }
  const parent = { kind: 'scan', session, scan } as const
  const dicom = { label: 'DICOM', format: 'DICOM', content: 'RAW', seriesUid: seriesUid(of) }
  await builder.resource(parent, dicom, dicomFiles(of))
  await builder.resource(parent, { label: 'SNAPSHOTS', format: 'GIF' }, [
    { path: `${session.label}_${id}_qc.gif`, from: phantomSnapshot(of, false) },
    { path: `${session.label}_${id}_qc_t.gif`, from: phantomSnapshot(of, true) },
  ])
  return scan
}

async function buildDerived(builder: ArchiveBuilder, session: Experiment): Promise<void> {
  const reconstruction = builder.reconstruction(session, 'RECON1')
  reconstruction.type = 'average'
  reconstruction.fields = { baseScanType: 'T1' }
  const place = { kind: 'reconstruction', session, reconstruction } as const
  await builder.resource({ ...place, side: 'out' }, { label: 'DATA', format: 'TEXT' }, [
    textFile('average.txt', 'mean of scans 1 and 2\n'),
  ])
  await builder.resource({ ...place, side: 'in' }, { label: 'SOURCE', format: 'TEXT' }, [
    textFile('scans.txt', '1\n2\n'),
  ])
  const assessor = builder.assessor(session, 'ASSESS1', 'xnat:qcManualAssessorData')
  assessor.fields = { date: '2026-01-06', rater: 'admin' }
  await builder.resource({ kind: 'assessor', assessor, side: 'out' }, { label: 'QCDATA', format: 'JSON' }, [
    textFile('rating.json', '{"pass":true}\n'),
  ])
}
