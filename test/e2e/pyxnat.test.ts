import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { md5 } from '../support/byte-source.js'
import { Mount } from '../support/mount.js'
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
})
