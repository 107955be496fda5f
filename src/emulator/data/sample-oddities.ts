import type { Experiment, Subject } from '../store/model.js'
import type { ArchiveBuilder } from './archive-builder.js'
import { textFile } from './sample-text.js'

/** Things that are legal in an archive and break naive clients (xnat-wire.md §8). */
export async function buildOddities(
  builder: ArchiveBuilder,
  sharedSubject: Subject,
  sharedSession: Experiment,
): Promise<void> {
  const project = builder.project('ODD', { name: 'Odd but legal', secondaryId: 'odd project' })
  project.aliases = ['ODDITIES']
  await builder.resource({ kind: 'project', project }, { label: 'names' }, [
    textFile('plain.txt', 'plain\n'),
    textFile('with blank.txt', 'blank\n'),
    textFile('a+b.txt', 'plus\n'),
    textFile('a#b.txt', 'hash\n'),
    textFile('100%.txt', 'percent\n'),
    textFile('[x].txt', 'brackets\n'),
    textFile('é.txt', 'accent\n'),
    textFile('scan1', 'a prefix of others\n'),
    textFile('scan10', 'not scan1\n'),
    textFile('scan1.txt', 'nor this\n'),
  ])
  const subject = builder.subject(project, 'subject with blanks')
  const session = builder.experiment(subject, 'session with blanks', 'xnat:mrSessionData')
  session.fields = { date: '2025-12-24', modality: 'MR' }
  await addOddScans(builder, session)
  await builder.resource({ kind: 'experiment', experiment: session }, { label: 'My Resource' }, [
    textFile('in a resource with a blank.txt', 'x\n'),
  ])
  builder.subject(project, 'without_experiments')
  const variables = builder.experiment(subject, 'VARIABLES1', 'xnat:subjectVariablesData')
  variables.fields = { date: '2025-12-25' }
  await builder.resource({ kind: 'experiment', experiment: variables }, { label: 'data', format: 'csv' }, [
    textFile('variables.csv', 'name,value\nx,1\n'),
  ])
  sharedSubject.shares.push({ project: project.id, label: 'shared_1' })
  sharedSession.shares.push({ project: project.id, label: 'shared_MR1' })
  for (const scan of sharedSession.scans) scan.shares.push({ project: project.id, label: null })
}

async function addOddScans(builder: ArchiveBuilder, session: Experiment): Promise<void> {
  const slashed = builder.scan(session, '1-MR1', 'xnat:mrScanData')
  slashed.type = 'T2/FLAIR: axial, 3mm'
  slashed.fields = { series_description: 'WATER: HighRes <0.8x0.8x1mm> & "more"', quality: 'usable' }
  const parent = { kind: 'scan', session, scan: slashed } as const
  // A resource without a label is known by its number only.
  await builder.resource(parent, { label: null }, [textFile('unlabelled.txt', 'no label\n')])
  await builder.resource(parent, { label: 'NESTED' }, [
    textFile('a/same.txt', 'in a\n'),
    textFile('b/same.txt', 'in b\n'),
    textFile('empty.dat', ''),
  ])
  const untyped = builder.scan(session, '10_1', 'xnat:mrScanData')
  untyped.fields = { quality: 'unusable' }
  await builder.resource({ kind: 'scan', session, scan: untyped }, { label: 'NOTES' }, [
    textFile('note.txt', 'a scan without type\n'),
  ])
}
