"""An archive as years of imports, hand-made scripts and several versions of XNAT leave it."""

import os
import random

from archive import Entry, Project, Reconstruction, Scan

MIB = 1024 * 1024


def noise(random_source, size):
    return random_source.randbytes(size)


def build(archive):
    bytes_of = random.Random(7)
    data = lambda size: noise(bytes_of, size)
    for id, readable in (('ALPHA', True), ('beta.2', True), ('EMPTY', True), ('SECRET', False)):
        archive.projects[id] = Project(id, readable)
    alpha = archive.projects['ALPHA']
    subject = archive.add_subject(alpha, 'S1')
    session = archive.add_experiment(subject, 'MR1')
    add_scans(archive, session, data)
    add_sides(archive, session, data)
    add_session_resources(archive, session, data)
    add_odd_names(archive, alpha, data)
    add_odd_labels(archive, archive.projects['beta.2'], data)
    add_other_experiments(archive, subject, data)
    session.shares['beta.2'] = 'MR1 (shared)'
    subject.shares['beta.2'] = 'S1 shared'
    plain = archive.add_resource(alpha.resources, 'protocols', format='PDF')
    archive.put(plain, 'protocol.pdf', data(5000))
    add_test_project(archive, data)
    hidden = archive.add_experiment(archive.add_subject(archive.projects['SECRET'], 'X'), 'TOP')
    archive.put(archive.add_resource(hidden.resources, 'R'), 'secret.txt', b'secret')


def add_test_project(archive, data):
    """Where the conformance table does its work: a session with a scan of raw data."""
    archive.projects['TEST'] = Project('TEST')
    session = archive.add_experiment(archive.add_subject(archive.projects['TEST'], '1'), 'MR1')
    for id in ('1', '2'):
        session.scans.append(Scan(id, 'T1'))
        dicom = archive.add_resource(session.scans[-1].resources, 'DICOM', format='DICOM', content='RAW')
        archive.put(dicom, '1.dcm', data(9000))
        archive.put(archive.add_resource(session.scans[-1].resources, 'SNAPSHOTS', format='GIF'), 'small.gif', data(500))


def add_scans(archive, session, data):
    """DICOM in DICOM catalogs without times; a type that is another scan's ID; IDs with blanks; no type."""
    for id, type, count, size in (('1', 'T1', 4, 9000), ('2', 'T1', 3, 9100), ('3-MR1', 'WATER: a/b (0.8x0.8), #1', 2, 700),
                                  ('T1', 'loc*', 1, 800), ('MR 5', '', 1, 900), ('6,7', 'T2', 1, 1000)):
        scan = Scan(id, type)
        session.scans.append(scan)
        dicom = archive.add_resource(scan.resources, 'DICOM', format='DICOM', content='RAW', flavour='dicom')
        for number in range(1, count + 1):
            archive.put(dicom, '%d.dcm' % number, data(size + number))
    first = session.scans[0]
    nifti = archive.add_resource(first.resources, 'NIFTI', format='NIFTI')
    archive.put(nifti, 'big.nii', data(3 * MIB + 4321))
    archive.put(nifti, 'small.json', b'{"a": 1}\n')


def add_sides(archive, session, data):
    recon = Reconstruction('recon_1', 'mean')
    session.reconstructions.append(recon)
    for side in ('in', 'out'):
        archive.put(archive.add_resource(recon.sides[side], 'FILES'), side + '.nii', data(1234))
    subject = archive.subjects[session.subject]
    assessor = archive.add_experiment(subject, 'MR1_qc', 'xnat:qcManualAssessorData', session)
    archive.put(archive.add_resource(assessor.sides['out'], 'QC'), 'report.xml', b'<qc/>')
    archive.put(archive.add_resource(assessor.resources, 'NOTES'), 'note.txt', b'plain resource of an assessor')


def add_session_resources(archive, session, data):
    """Nested sets, another namespace, two resources of one label, none at all, and no catalog."""
    nested = archive.add_resource(session.resources, 'NESTED', flavour='nested')
    for name in ('top.txt', 'second.txt', 'deep/third.txt', 'deep/er/fourth & <last>.txt'):
        archive.put(nested, name, ('content of %s\n' % name).encode())
    plain = archive.add_resource(session.resources, 'DEFAULTNS', flavour='default-namespace')
    archive.put(plain, 'a.bin', data(100))
    for number in (1, 2):
        twin = archive.add_resource(session.resources, 'TWIN')
        archive.put(twin, 'twin%d.txt' % number, b'twin %d' % number)
    archive.put(archive.add_resource(session.resources, ''), 'unlabelled.txt', b'no label')
    archive.put(archive.add_resource(session.resources, 'two words & more'), 'blank.txt', b'label with blanks')
    archive.put(archive.add_resource(session.resources, 'new\nline/slash'), 'odd.txt', b'label with a slash')
    legacy = archive.add_resource(session.resources, 'LEGACY', legacy=True)
    archive.put(legacy, 'old/one.img', data(2048))
    archive.put(legacy, 'two.hdr', data(348))
    archive.add_resource(session.resources, 'VOID')


def add_odd_names(archive, project, data):
    """Names that came in by import, and catalogs that do not fit the disk."""
    odd = archive.add_resource(project.resources, 'odd')
    for name in ('a#b.txt', 'c%d.txt', 'e f+g.txt', 'Grüße.txt', '[x] {y}.txt', 'a&b <c> "d".txt', "it's.txt", 'empty',
                 'résumé.html', 'dir.with.dots/x.txt', 'dir.with.dots/deeper/x.txt', 'semi;colon=1.txt', '100%', 'a?b.txt'):
        archive.put(odd, name, b'' if name == 'empty' else b'<html>' + name.encode() if name.endswith('.html')
                    else name.encode() * 3)
    archive.put(odd, 'data.zip/inside.txt', b'in a folder that looks like an archive')
    broken = archive.add_resource(project.resources, 'broken')
    archive.put(broken, 'there.txt', b'there')
    for name in ('missing.txt', 'Geist.nii'):
        archive.put(broken, name, b'not for long')
    os.remove(broken.place('missing.txt'))
    os.rename(broken.place('Geist.nii'), broken.place('Geist.nii.gz'))
    archive.put(broken, 'Gespenst ö.nii', b'ghost')
    os.remove(broken.place('Gespenst ö.nii'))
    archive.put(broken, 'Gespenst ö.nii.gz', b'not the ghost itself', catalogued=False)
    remote = Entry('s3://bucket/far away.bin', 7, None, 1.6e9)
    remote.cache_path = 'cached/far.bin'
    archive.put(broken, 'cached/far.bin', b'far off', catalogued=False)
    broken.entries.append(remote)
    absolute = Entry('/data/archive/elsewhere/abs.bin', None, None, 1.6e9)
    absolute.cache_path, absolute.id = None, 'abs.bin'
    archive.put(broken, 'abs.bin', b'absolute', catalogued=False)
    broken.entries.append(absolute)
    archive.put(broken, 'unlisted.txt', b'on the disk, in no catalog', catalogued=False)
    broken.counts = (99, 12345)
    broken.entries.append(next(entry for entry in broken.entries if entry.path == 'there.txt'))


def add_odd_labels(archive, project, data):
    for label in ('sub 01', 'sub.02', 'Müller, Hans', 'with/slash', 'new\nline', 'amp&amp', 'resources', '', '日本'):
        subject = archive.add_subject(project, label)
        experiment = archive.add_experiment(subject, 'MR é ' + label)
        experiment.scans.append(Scan('1', 'T1'))
        file = archive.add_resource(experiment.scans[0].resources, 'DICOM', format='DICOM', flavour='dicom')
        archive.put(file, '1.dcm', label.encode() or b'no label')
    twins = [archive.add_subject(project, 'twin') for _ in range(2)]
    for number, twin in enumerate(twins):
        archive.put(archive.add_resource(twin.resources, 'R'), 'n.txt', b'%d' % number)


def add_other_experiments(archive, subject, data):
    """Experiments that are no image sessions: asking them for scans is an error of the server."""
    for label, xsi_type in (('VISIT', 'xnat:subjectVariablesData'), ('FORM', 'forms:visitData'),
                            ('OTHER', 'xnat:otherDicomSessionData')):
        experiment = archive.add_experiment(subject, label, xsi_type)
        archive.put(archive.add_resource(experiment.resources, 'DOC'), label + '.txt', label.encode())
