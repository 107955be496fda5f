import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { md5 } from '../support/byte-source.js'
import { Mount } from '../support/mount.js'
import { OtherServer } from '../support/other-server.js'
import { run } from '../support/processes.js'
import { Server } from '../support/server.js'

/** pyxnat as Debian has it: a client that knows nothing of this project. */
const script = `
import hashlib, json, os, sys
from pyxnat import Interface
x = Interface(server=sys.argv[1], user=sys.argv[2], password=sys.argv[3])
session = x.select.project('TEST').subject('1').experiment('MR1')
walk = {
    'projects': list(x.select.projects().get()),
    'subjects': [s.label() for s in x.select.project('TEST').subjects()],
    'experiments': [e.label() for e in x.select.project('TEST').subject('1').experiments()],
    'scans': sorted(session.scans().get()),
    'resources': sorted(r.label() for r in session.scan('1').resources()),
}
written = session.resource('MOUNTED')
walk['written'] = {
    f.label(): hashlib.md5(open(f.get(), 'rb').read()).hexdigest() for f in written.files()
}
f = session.resource('PYXNAT').file('from-pyxnat.txt')
f.insert(sys.argv[4], format='TEXT', content='note', tags='')
print(json.dumps(walk))
`

/** lxml, of which pyxnat is made, as a judge of documents. */
const judge = `
import json, sys, urllib.request
from base64 import b64encode
from lxml import etree
base, user, password = sys.argv[1:4]
def get(path):
    request = urllib.request.Request(base + path)
    request.add_header('Authorization', 'Basic ' + b64encode((user + ':' + password).encode()).decode())
    return urllib.request.urlopen(request).read()
class Resolver(etree.Resolver):
    def resolve(self, url, id, context):
        return self.resolve_string(get(url[len(base):]), context, base_url=url)
parser = etree.XMLParser()
parser.resolvers.add(Resolver())
trees = {}
for name in json.loads(get('/xapi/schemas')):
    url = base + '/schemas/' + name + '/' + name.split('/')[-1] + '.xsd'
    trees[name] = etree.XMLSchema(etree.fromstring(get('/xapi/schemas/' + name), parser, base_url=url))
paths = ['/data/projects/' + project for project in ('TEST', 'ODD')]
for kind in ('subjects', 'experiments'):
    for row in json.loads(get('/data/' + kind + '?format=json'))['ResultSet']['Result']:
        paths.append(row['URI'])
session = '/data/projects/TEST/subjects/1/experiments/MR1'
paths += [session + '/scans/1', session + '/assessors/ASSESS1', session + '/reconstructions/RECON1']
faults = {}
for path in paths:
    if not trees['xnat'].validate(etree.fromstring(get(path + '?format=xml'))):
        faults[path] = str(trees['xnat'].error_log)
print(json.dumps({'paths': len(paths), 'faults': faults}))
`

describe('pyxnat, an independent client', () => {
  let server: Server
  let mount: Mount
  beforeAll(async () => {
    server = await Server.start()
    mount = await Mount.start(server)
  })
  afterAll(async () => {
    try {
      await mount.stop()
    } finally {
      await server.stop()
    }
  })

  it('walks the embedded XNAT, sees what the mount wrote, and the mount sees what it writes', async () => {
    const resources = join(mount.path, 'TEST/1/MR1/resources')
    await mkdir(join(resources, 'MOUNTED'))
    await writeFile(join(resources, 'MOUNTED/one.txt'), 'written on the mount')
    await writeFile(join(resources, 'MOUNTED/with blank.txt'), 'also')
    await writeFile(join(mount.directory, 'note.txt'), 'written by pyxnat')
    await writeFile(join(mount.directory, 'walk.py'), script)
    const { code, stdout, stderr } = await run('/usr/bin/python3', [
      join(mount.directory, 'walk.py'),
      server.url,
      server.user,
      server.password,
      join(mount.directory, 'note.txt'),
    ])
    expect([code, stderr.includes('Traceback') ? stderr : '']).toEqual([0, ''])
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({
      projects: expect.arrayContaining(['TEST', 'ODD']),
      subjects: ['1'],
      experiments: ['MR1'],
      scans: ['1', '2', '3', '4'],
      resources: ['DICOM', 'SNAPSHOTS'],
      written: {
        'one.txt': md5(Buffer.from('written on the mount')),
        'with blank.txt': md5(Buffer.from('also')),
      },
    })
    await mount.refresh()
    const { stdout: seen } = await run('cat', [join(resources, 'PYXNAT/from-pyxnat.txt')])
    expect(seen).toBe('written by pyxnat')
  })

  it('finds documents in order by the schemas that the embedded XNAT has of them', async () => {
    await writeFile(join(mount.directory, 'judge.py'), judge)
    const { stdout, stderr } = await run('/usr/bin/python3', [
      join(mount.directory, 'judge.py'),
      server.url,
      server.user,
      server.password,
    ])
    expect(stderr).toBe('')
    const { paths, faults } = JSON.parse(stdout) as { paths: number; faults: object }
    expect(faults).toEqual({})
    expect(paths).toBeGreaterThan(8)
  })
})

/** So that the other server is not only what its author takes an XNAT for. */
const otherScript = `
import hashlib, json, sys
from pyxnat import Interface
x = Interface(server=sys.argv[1], user=sys.argv[2], password=sys.argv[3])
session = x.select.project('ALPHA').subject('S1').experiment('MR1')
scan = session.scan('1')
big = scan.resource('NIFTI').file('big.nii')
walk = {
    'projects': sorted(x.select.projects().get()),
    'experiments': sorted(e.label() for e in x.select.project('ALPHA').subject('S1').experiments()),
    'scans': sorted(session.scans().get()),
    'resources': sorted(r.label() for r in scan.resources()),
    'md5': hashlib.md5(open(big.get(), 'rb').read()).hexdigest(),
}
f = session.resource('PYXNAT').file('from-pyxnat.txt')
f.insert(sys.argv[4], format='TEXT', content='note', tags='')
walk['written'] = [g.label() for g in session.resource('PYXNAT').files()]
f.delete()
walk['left'] = f.exists()
print(json.dumps(walk))
`

describe('pyxnat and the server of test/other-server', () => {
  it('agree on what XNAT is', async () => {
    const server = await OtherServer.start()
    const folder = await mkdtemp(join(tmpdir(), 'xnatfs-pyxnat-'))
    try {
      await writeFile(join(folder, 'note.txt'), 'written by pyxnat')
      const { name, password } = server.plainUser
      const { stdout, stderr } = await run(
        '/usr/bin/python3',
        ['-', server.url, name, password, join(folder, 'note.txt')],
        {
          input: otherScript,
          env: { TMPDIR: folder },
        },
      )
      expect(stderr).not.toContain('Traceback')
      const big = (await server.files()).find(({ path }) => path === 'big.nii')
      expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
        projects: ['ALPHA', 'EMPTY', 'TEST', 'beta.2'],
        experiments: ['FORM', 'MR1', 'OTHER', 'VISIT'],
        scans: ['1', '2', '3-MR1', '6,7', 'MR 5', 'T1'],
        resources: ['DICOM', 'NIFTI'],
        md5: big!.md5,
        written: ['from-pyxnat.txt'],
        left: false,
      })
    } finally {
      await server.stop()
      await rm(folder, { recursive: true })
    }
  })
})
