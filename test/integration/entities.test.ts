import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEmulator } from '../../src/emulator/emulator.js'
import type { RunningEmulator } from '../../src/emulator/emulator.js'
import type { MountFlags } from '../../src/cli/flags.js'
import { put, rest } from '../support/emulator-rest.js'
import { readFile, writeFile } from '../support/file-system.js'
import type { FileSystem } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import type { LocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

let emulator: RunningEmulator
let local: LocalVfs
let fs: FileSystem
beforeEach(async () => {
  emulator = await startEmulator()
  await mount({ allowCreate: 'entities', allowDelete: 'entities' })
})
afterEach(async () => {
  await local.stop()
  await emulator.close()
})

async function mount(flags: Partial<MountFlags>): Promise<void> {
  local = await startLocalVfs(emulator, flags)
  fs = vfsFileSystem(local.vfs)
}
async function again(flags: Partial<MountFlags>): Promise<void> {
  await local.stop()
  await mount(flags)
}
const status = async (path: string): Promise<number> => (await rest(emulator, 'GET', path)).status
const deletes = (): string[] =>
  emulator.control
    .requests()
    .filter(({ method }) => method === 'DELETE')
    .map(({ path }) => path)
const experiments = '/data/projects/TEST/subjects/1/experiments'

describe('mkdir', () => {
  it('makes a project, a subject, a session and a scan, and a resource in it', async () => {
    for (const path of ['NEW', 'NEW/S', 'NEW/S/E', 'NEW/S/E/scans/7', 'NEW/S/E/scans/7/NIFTI'])
      await fs.mkdir(path)
    expect(await fs.list('NEW/S/E/scans')).toEqual(['7'])
    const { body } = await rest(
      emulator,
      'GET',
      '/data/projects/NEW/subjects/S/experiments/E/scans?format=json',
    )
    expect(body.toString()).toContain('xnat:mrScanData')
  })

  it('makes sessions of the type that was asked for, with scans of the type that goes with it', async () => {
    await again({ allowCreate: 'entities', sessionType: 'xnat:petSessionData' })
    await fs.mkdir('TEST/1/PET')
    await fs.mkdir('TEST/1/PET/scans/1')
    expect(await fs.list('TEST/experiments/xsiType=xnat:petSessionData')).toEqual(['PET'])
    const { body } = await rest(emulator, 'GET', `${experiments}/PET/scans?format=json`)
    expect(body.toString()).toContain('xnat:petScanData')
  })

  it('makes reconstructions and assessors, and resources in them', async () => {
    for (const path of [
      'reconstructions/R.1',
      'reconstructions/R.1/out/DATA',
      'assessors/QC',
      'assessors/QC/in/DATA',
    ])
      await fs.mkdir(`TEST/1/MR1/${path}`)
    expect(await fs.list('TEST/1/MR1/reconstructions')).toContain('R.1')
    expect(await fs.list('TEST/1/MR1/assessors/xnat:qcManualAssessorData')).toContain('QC')
    await writeFile(fs, 'TEST/1/MR1/assessors/QC/in/DATA/x', 'text')
    expect((await readFile(fs, 'TEST/1/MR1/assessors/QC/in/DATA/x')).toString()).toBe('text')
    await again({ allowCreate: 'entities', assessorType: 'xnat:qcAssessmentData' })
    await fs.mkdir('TEST/1/MR1/assessors/AUTO')
    expect(await fs.list('TEST/1/MR1/assessors/xnat:qcAssessmentData')).toEqual(['AUTO'])
  })

  it('gives the assessor of a shared session to the project that it is made in', async () => {
    await fs.mkdir('NEW')
    await put(emulator, '/data/projects/TEST/subjects/1/projects/NEW?label=one')
    await put(emulator, `${experiments}/MR1/projects/NEW?label=shared`)
    local.archive.refresh()
    await fs.mkdir('NEW/one/shared/assessors/OURS')
    expect(await fs.list('NEW/one/shared/assessors/OURS/.xnat/projects')).toEqual(['NEW'])
    await expect(fs.rmdir('TEST/1/MR1/assessors/OURS')).rejects.toMatchObject({ code: 'EPERM' })
    await fs.rmdir('NEW/one/shared/assessors/OURS')
    expect(await fs.list('TEST/1/MR1/assessors')).toEqual(['ASSESS1'])
    expect(await status(`${experiments}/MR1`)).toBe(200)
  })

  it('makes no assessor under a label that one of another session has', async () => {
    for (const path of ['TEST/1/OTHER', 'TEST/1/OTHER/assessors/QC-1']) await fs.mkdir(path)
    emulator.control.resetRequests()
    await expect(fs.mkdir('TEST/1/MR1/assessors/QC-1')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(emulator.control.requests().filter(({ method }) => method === 'PUT')).toEqual([])
  })

  it('changes nothing that is there, also what somebody else has made meanwhile', async () => {
    await fs.list('TEST/1')
    await put(emulator, `${experiments}/THEIRS?xsiType=xnat:ctSessionData`)
    await expect(fs.mkdir('TEST/1/THEIRS')).rejects.toMatchObject({ code: 'EEXIST' })
    await put(emulator, '/data/projects/TEST/subjects/2')
    await expect(fs.mkdir('TEST/2/THEIRS')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(fs.mkdir('TEST/1')).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('takes labels that XNAT takes', async () => {
    for (const path of [
      'a b',
      'TEST/a.b',
      'TEST/1/ä',
      'TEST/1/MR1/scans/ALL',
      'TEST/1/MR1/scans/1,2x',
      'TEST/1/x#',
      'TEST/1/MR1/assessors/ALL',
      'TEST/1/MR1/assessors/a.b',
      'TEST/1/MR1/reconstructions/NULL',
      'TEST/1/MR1/reconstructions/RECON1',
    ])
      await expect(fs.mkdir(path)).rejects.toMatchObject({ code: expect.stringMatching(/EINVAL|EEXIST/) })
    await fs.mkdir('TEST/1/MR1/scans/5.1')
    expect(await fs.list('TEST/1/MR1/scans')).toContain('5.1')
  })

  it('says what the server refuses', async () => {
    emulator.control.setFaults([{ method: 'PUT', path: '/data/**', fault: { kind: 'status', status: 403 } }])
    await expect(fs.mkdir('TEST/3')).rejects.toMatchObject({ code: 'EACCES' })
  })

  it('needs its option', async () => {
    await again({})
    const inSession = ['scans/9', 'assessors/A', 'reconstructions/R'].map((path) => `TEST/1/MR1/${path}`)
    for (const path of ['NEW', 'TEST/3', 'TEST/1/E', ...inSession])
      await expect(fs.mkdir(path)).rejects.toMatchObject({ code: 'EPERM' })
  })
})

describe('rmdir', () => {
  it('removes what is empty, from the scan up', async () => {
    for (const path of ['TEST/3', 'TEST/3/E', 'TEST/3/E/scans/1']) await fs.mkdir(path)
    for (const path of ['TEST/3/E/scans/1', 'TEST/3/E/scans', 'TEST/3/E', 'TEST/3']) await fs.rmdir(path)
    expect(await fs.list('TEST')).not.toContain('3')
    expect(await status('/data/projects/TEST/subjects/3')).toBe(404)
  })

  it('removes reconstructions and assessors that are empty on all sides, and nothing beside them', async () => {
    const parts = { reconstructions: ['in', 'out'], assessors: ['in', 'out', 'resources'] }
    for (const [kind, sides] of Object.entries(parts)) {
      const path = `TEST/1/MR1/${kind}/X`
      await fs.mkdir(path)
      for (const side of sides) {
        const url = `${experiments}/MR1/${kind}/X/${side === 'resources' ? '' : `${side}/`}resources/NEW`
        await fs.list(path)
        await put(emulator, url)
        await expect(fs.rmdir(path)).rejects.toMatchObject({ code: 'ENOTEMPTY' })
        expect(deletes()).toEqual([])
        local.archive.refresh()
        const listed = (await fs.list(path)).filter((name) => name !== 'resources' || side === 'resources')
        await fs.rmdir(`${path}/${listed[0]!}/NEW`)
        emulator.control.resetRequests()
      }
      await fs.rmdir(path)
      expect(deletes().length).toBe(1)
      expect(await status(`${experiments}/MR1/${kind}/X`)).toBe(404)
      emulator.control.resetRequests()
    }
    expect((await fs.list('TEST/1/MR1')).toSorted()).toEqual(
      ['assessors', 'reconstructions', 'resources', 'scans'].toSorted(),
    )
    expect(await fs.list('TEST/1/MR1/assessors')).toEqual(['ASSESS1'])
    expect(await fs.list('TEST/1/MR1/reconstructions')).toEqual(['RECON1'])
  })

  it('removes one scan and no other whose ID begins like it', async () => {
    for (const id of ['10', '100', '10-a']) await fs.mkdir(`TEST/1/MR1/scans/${id}`)
    await fs.rmdir('TEST/1/MR1/scans/10')
    expect((await fs.list('TEST/1/MR1/scans')).toSorted()).toEqual(['1', '10-a', '100', '2', '3', '4'])
  })

  it('removes nothing that has something in it, also if somebody else has just put it there', async () => {
    for (const path of ['TEST', 'TEST/1', 'TEST/1/MR1', 'TEST/1/MR1/scans', 'TEST/1/MR1/scans/1'])
      await expect(fs.rmdir(path)).rejects.toMatchObject({ code: expect.stringMatching(/ENOTEMPTY|EPERM/) })
    for (const path of ['TEST/3', 'TEST/3/E', 'TEST/3/E/scans/1']) await fs.mkdir(path)
    expect(await fs.list('TEST/3/E/scans/1')).toEqual([])
    await put(emulator, '/data/projects/TEST/subjects/3/experiments/E/scans/1/resources/NEW')
    await expect(fs.rmdir('TEST/3/E/scans/1')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    await fs.mkdir('TEST/4')
    await fs.list('TEST/4')
    await put(emulator, '/data/projects/TEST/subjects/4/experiments/E4?xsiType=xnat:mrSessionData')
    await expect(fs.rmdir('TEST/4')).rejects.toMatchObject({ code: 'ENOTEMPTY' })
    expect(deletes()).toEqual([])
  })

  it('is ENOTSUP for what XNAT has no URL for, and nothing is sent', async () => {
    for (const id of ['a%20b', 'a%23b', 'a%2Bb'])
      await put(emulator, `${experiments}/MR1/scans/x?xsiType=xnat:mrScanData&xnat:mrScanData/ID=${id}`)
    await put(emulator, `${experiments}/MR1/reconstructions/x?xnat:reconstructedImageData/ID=a%20b`)
    expect(await fs.list('TEST/1/MR1/scans')).toEqual(expect.arrayContaining(['a b', 'a#b', 'a+b']))
    for (const path of ['scans/a b', 'scans/a#b', 'reconstructions/a b'])
      await expect(fs.rmdir(`TEST/1/MR1/${path}`)).rejects.toMatchObject({
        code: 'ENOTSUP',
        message: expect.stringContaining('no URL names') as string,
      })
    expect(deletes()).toEqual([])
    expect((await readFile(fs, 'TEST/1/MR1/scans/a+b/.xnat/scan.xml')).toString()).toContain('ID="a+b"')
    await fs.rmdir('TEST/1/MR1/scans/a+b')
    expect(await fs.list('TEST/1/MR1/scans')).not.toContain('a+b')
  })

  it('removes what is shared in the project that owns it only', async () => {
    await fs.mkdir('TEST/5')
    await put(emulator, '/data/projects/TEST/subjects/5/projects/ODD?label=five')
    local.archive.refresh()
    await expect(fs.rmdir('ODD/five')).rejects.toMatchObject({ code: 'EPERM' })
    expect(deletes()).toEqual([])
    expect(await fs.list('TEST')).toContain('5')
  })

  it.each(['locked', 'obsolete'])(
    'takes nothing from an experiment that is %s, and says so',
    async (state) => {
      for (const path of ['TEST/3', 'TEST/3/E', 'TEST/3/E/scans/1', 'TEST/3/E/scans/2', 'TEST/3/E/scans/2/R'])
        await fs.mkdir(path)
      await writeFile(fs, 'TEST/3/E/scans/2/R/x', 'kept')
      await writeFile(fs, 'TEST/3/E/.xnat/status', state)
      const refusal = {
        code: 'EACCES',
        message: expect.stringContaining(`its experiment is ${state}`) as string,
      }
      await expect(fs.unlink('TEST/3/E/scans/2/R/x')).rejects.toMatchObject(refusal)
      await expect(fs.rmdir('TEST/3/E/scans/1')).rejects.toMatchObject(refusal)
      expect((await readFile(fs, 'TEST/3/E/scans/2/R/x')).toString()).toBe('kept')
      await writeFile(fs, 'TEST/3/E/.xnat/status', 'active')
      await fs.unlink('TEST/3/E/scans/2/R/x')
      await writeFile(fs, 'TEST/3/E/.xnat/status', state)
      await expect(fs.rmdir('TEST/3/E/scans/2/R')).rejects.toMatchObject(refusal)
      await writeFile(fs, 'TEST/3/E/.xnat/status', 'active')
      for (const path of ['E/scans/2/R', 'E/scans/2', 'E/scans/1', 'E']) await fs.rmdir(`TEST/3/${path}`)
    },
  )

  it('that the server refuses without more is refused without a reason that may be wrong', async () => {
    await fs.mkdir('TEST/3')
    await fs.mkdir('TEST/3/E')
    emulator.control.setFaults([
      { method: 'DELETE', path: '/data/**', fault: { kind: 'status', status: 403 } },
      { method: 'GET', path: '/data/experiments/*/status', fault: { kind: 'status', status: 500 } },
    ])
    await expect(fs.rmdir('TEST/3/E')).rejects.toMatchObject({
      code: 'EACCES',
      message: expect.not.stringContaining('locked') as string,
    })
  })

  it('needs its option, and is never for a project', async () => {
    await fs.mkdir('NEW')
    await expect(fs.rmdir('NEW')).rejects.toMatchObject({ code: 'EPERM' })
    await again({ allowCreate: 'entities' })
    await fs.mkdir('NEW/S')
    await expect(fs.rmdir('NEW/S')).rejects.toMatchObject({ code: 'EPERM' })
  })
})

describe('rename', () => {
  it('is for subjects and experiments only: mv copies what it may not rename, and a copy has no record', async () => {
    const session = 'TEST/1/MR1'
    const items = ['scans/1', ...(await fs.list(`${session}/assessors`)).map((label) => `assessors/${label}`)]
    expect(items).toContain('assessors/ASSESS1')
    await fs.mkdir(`${session}/reconstructions/R`)
    for (const item of [...items, 'reconstructions/R'])
      await expect(fs.rename(`${session}/${item}`, `${session}/${item}_2`)).rejects.toMatchObject({
        code: 'EPERM',
        message: expect.stringMatching(/rename .*a copy has its files only/),
      })
    await expect(fs.rename('TEST/1', 'TEST/9')).rejects.toMatchObject({ code: 'EPERM' })
    expect(deletes()).toEqual([])
  })
})
