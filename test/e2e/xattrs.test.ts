import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { drivers } from '../support/drivers.js'
import { md5OfFile } from '../support/digests.js'
import { Mount } from '../support/mount.js'
import { shell } from '../support/processes.js'
import { Server } from '../support/server.js'

/** What the listings tell beside names, sizes and times. */
describe.each(drivers)('extended attributes by the driver %s', (driver) => {
  let server: Server
  let mount: Mount
  let local: string
  const session = 'TEST/1/MR1'
  beforeAll(async () => {
    local = await mkdtemp(join(tmpdir(), 'xnatfs-local-'))
    server = await Server.start()
    mount = await Mount.start(server, { flags: ['--driver', driver] })
  })
  afterAll(async () => {
    await mount.stop()
    await server.stop()
    await rm(local, { recursive: true })
  })

  const inMount = (line: string): Promise<string> =>
    shell(line, { cwd: mount.path, env: { LOCAL: local, SERVER: server.url } })
  /** What `getfattr -d` shows, by name without the prefix. */
  async function attributes(path: string): Promise<Record<string, string>> {
    const lines = (await inMount(`getfattr -d '${path}'`)).split('\n')
    const pairs = lines.flatMap((line) => {
      const [, name, value] = /^user\.xnat\.([^=]+)="(.*)"$/.exec(line) ?? []
      return name === undefined ? [] : [[name, value!]]
    })
    return Object.fromEntries(pairs) as Record<string, string>
  }

  it('tell what the listings have told, and where it is on the server', async () => {
    const file = await attributes(`${session}/scans/1/DICOM/1.dcm`)
    expect(file).toEqual({
      uri: expect.stringMatching(/^\/data\/experiments\/\w+\/scans\/1\/resources\/\d+\/files\/1\.dcm$/),
      digest: await md5OfFile(join(mount.path, session, 'scans/1/DICOM/1.dcm')),
      format: 'DICOM',
      content: 'RAW',
    })
    expect(await attributes(`${session}/scans/1`)).toEqual({
      uri: expect.stringMatching(/^\/data\/experiments\/\w+\/scans\/1$/),
      id: '1',
      xsiType: 'xnat:mrScanData',
      type: 'T1',
      quality: 'usable',
      series_description: 'T1 axial',
    })
    expect(await attributes(session)).toMatchObject({
      id: expect.stringMatching(/^XNAT_E\d+$/),
      label: 'MR1',
      xsiType: 'xnat:mrSessionData',
      date: '2026-01-05',
    })
    expect(await attributes(`${session}/scans/1/DICOM`)).toMatchObject({
      id: expect.stringMatching(/^\d+$/),
      label: 'DICOM',
      format: 'DICOM',
      content: 'RAW',
    })
    expect(await attributes(`${session}/assessors/ASSESS1`)).toMatchObject({
      label: 'ASSESS1',
      xsiType: 'xnat:qcManualAssessorData',
    })
    expect(await attributes(`${session}/reconstructions/RECON1`)).toMatchObject({ type: 'average' })
    expect(await attributes('TEST')).toEqual({ uri: '/data/projects/TEST', id: 'TEST' })
    expect(await attributes('TEST/1')).toMatchObject({ label: '1' })
  })

  it('have URIs that open the same file or list the same things by curl', async () => {
    const curl = `curl -sf -u '${server.user}:${server.password}' "$SERVER$(getfattr --only-values -n user.xnat.uri`
    for (const path of [
      `${session}/scans/1/DICOM/1.dcm`,
      'ODD/resources/names/with blank.txt',
      'ODD/resources/names/é.txt',
      'TEST/resources/docs/protocol/mr/sequences.txt',
    ]) {
      expect(await inMount(`${curl} '${path}')" | cmp - '${path}'`)).toBe('')
    }
    for (const path of [
      'TEST',
      session,
      `${session}/scans`,
      `${session}/scans/1`,
      `${session}/assessors/ASSESS1/out`,
    ])
      await inMount(`${curl} '${path}')" >/dev/null`)
  })

  it('cost no request, whoever asks', async () => {
    const folder = `${session}/scans/1/DICOM`
    await inMount(`ls -lR '${folder}' >/dev/null`)
    await server.resetRequests()
    await inMount(`getfattr -d '${folder}'/* >/dev/null; ls -l '${folder}' >/dev/null`)
    await inMount(`for name in security.selinux security.capability system.posix_acl_access user.other; do
      { getfattr -n $name '${folder}/1.dcm' 2>&1 || true; } | grep -q 'No such attribute\\|not supported' || exit 1
    done`)
    expect(await server.requests()).toEqual([])
  })

  it('cannot be set, and do not keep files from being copied with theirs', async () => {
    await inMount(`mkdir ${session}/resources/XATTR`)
    const said = await inMount(`cp -a ${session}/scans/1/DICOM/1.dcm ${session}/resources/XATTR/a.dcm 2>&1
      touch "$LOCAL/b" && setfattr -n user.mine -v 1 "$LOCAL/b"; cp -a "$LOCAL/b" ${session}/resources/XATTR/b.dcm 2>&1
      mv "$LOCAL/b" ${session}/resources/XATTR/c.dcm 2>&1
      cp -a ${session}/resources/XATTR/a.dcm "$LOCAL/a.dcm" 2>&1`)
    expect(said).toBe('')
    await expect(inMount(`setfattr -n user.x -v 1 ${session}/resources/QC/qc.csv`)).rejects.toThrow(
      'not supported',
    )
  })

  it('do not tell the digest of what the server does not have', async () => {
    await inMount(`mkdir ${session}/resources/DIRTY; echo one > ${session}/resources/DIRTY/f`)
    expect(await attributes(`${session}/resources/DIRTY/f`)).toMatchObject({
      digest: await md5OfFile(join(mount.path, session, 'resources/DIRTY/f')),
    })
    const whileOpen = await inMount(`python3 -c '
import os
f = open("${session}/resources/DIRTY/f", "ab", buffering=0)
f.write(b"two")
print(os.listxattr("${session}/resources/DIRTY/f"))
'`)
    expect(whileOpen).toBe("['user.xnat.uri']\n")
  })
})
