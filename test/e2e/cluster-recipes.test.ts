import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listMounts } from '../../src/fuse/mountpoint.js'
import { offlineNpm, packedOnce } from '../support/packed.js'
import { repository, run, shell } from '../support/processes.js'
import { codeBlocks } from '../support/readme.js'
import { Server } from '../support/server.js'

const session = 'TEST/1/MR1'
const sessionUri = '/data/projects/TEST/subjects/1/experiments/MR1'
const jobs = 6

/** docs/cluster.md, word for word, with programs in the place of Slurm and Docker that do what of them is used there. */
describe('the recipes for a cluster', () => {
  let server: Server
  let home: string
  let scratch: string
  let env: Record<string, string>
  let recipes: string[]
  let line: string
  /** Of the DICOM files of the session. */
  let allBytes: number
  /** What dcm2niix makes of them without a mount. */
  let wanted: string
  beforeAll(async () => {
    server = await Server.start(['--bandwidth-mbit', '2', '--latency-ms', '20'])
    home = await realpath(await mkdtemp(join(tmpdir(), 'xnatfs-cluster-')))
    scratch = join(home, 'scratch')
    const text = (await readFile(join(repository, 'docs/cluster.md'), 'utf8'))
      .replaceAll('https://xnat.example.org', server.url)
      .replaceAll('/scratch/', `${scratch}/`)
      .replaceAll('STUDY/SUBJ01/MR1', session)
      .replace('--array=1-24', `--array=1-${jobs}`)
    recipes = codeBlocks(text).map(({ code }) => code)
    line = /`(npm install -g --prefix [^`]*)`/.exec(text)![1]!
    const bin = join(home, 'bin')
    await mkdir(bin)
    await mkdir(join(scratch, 'me'), { recursive: true })
    for (const program of ['sbatch', 'docker'])
      await symlink(join(repository, 'test/support', program), join(bin, program))
    env = {
      ...offlineNpm(join(home, '.local'), home),
      HOME: home,
      USER: 'me',
      PATH: `${join(home, '.local/bin')}:${bin}:${process.env['PATH']}`,
      XDG_RUNTIME_DIR: '',
      NETRC: '/dev/null',
      DOCKER_IMAGES: join(home, 'images'),
    }
    await mkdir(env['DOCKER_IMAGES']!)
    const { path } = await packedOnce()
    await copyFile(path, join(home, basename(path)))
    await shell(line, { cwd: home, env })
    await shell(`xnatfs login ${server.url} --user ${server.user}`, {
      env: { ...env, XNAT_PASS: server.password },
    })
    const { body } = await server.rest('GET', `${sessionUri}/scans/ALL/files?format=json`)
    const { ResultSet } = JSON.parse(body.toString()) as { ResultSet: { Result: { Size: string }[] } }
    wanted = await convertedWithoutMount()
    allBytes = ResultSet.Result.reduce((sum, { Size }) => sum + Number(Size), 0)
  })
  afterAll(async () => {
    for (const path of await mountsLeft()) await run('umount', ['-l', path])
    await server.stop()
    await rm(home, { recursive: true, force: true })
  })
  /** Nothing is mounted any more, and no mount had anything to complain of. */
  const expectNoTrace = async (): Promise<void> => {
    const logs = join(home, '.local/state/xnatfs/log')
    for (const name of await readdir(logs))
      expect((await readFile(join(logs, name), 'utf8')).match(/.* (warn|error) .*/g)).toBeNull()
    expect(await mountsLeft()).toEqual([])
  }
  const mountsLeft = async (): Promise<string[]> =>
    (await listMounts()).map(({ mountpoint }) => mountpoint).filter((path) => path.startsWith(home))
  const recipe = (word: string): string => recipes.find((code) => code.includes(word))!
  const submitted = async (name: string): Promise<string> => {
    const folder = join(home, name)
    await mkdir(folder)
    await writeFile(join(folder, 'sessions.txt'), `${session}\n`.repeat(jobs))
    await writeFile(join(folder, 'convert.sbatch'), recipe('SLURM_ARRAY_TASK_ID'))
    await writeFile(join(folder, 'prefetch.sbatch'), recipe('xnatfs prefetch'))
    return folder
  }
  const sentBytes = async (): Promise<number> => bytesOfFiles(await server.requests())
  /** Digests of the images that dcm2niix has made of the session, by their names. */
  const digestsIn = (folder: string): Promise<string> => shell('md5sum *.nii*', { cwd: folder })
  const convertedWithoutMount = async (): Promise<string> => {
    const folder = join(home, 'wanted')
    await mkdir(join(folder, 'scans'), { recursive: true })
    await mkdir(join(folder, 'made'), { recursive: true })
    const zip = join(folder, 'scans.zip')
    await writeFile(zip, (await server.rest('GET', `${sessionUri}/scans/ALL/files?format=zip`)).body)
    await shell(`unzip -oq ${zip} -d scans && dcm2niix -d 9 -z y -o made scans`, { cwd: folder })
    return digestsIn(join(folder, 'made'))
  }

  it('a Slurm job array on one session makes the server send it about once, and all convert it alike', async () => {
    const folder = await submitted('array')
    await server.resetRequests()
    expect(await shell('sbatch convert.sbatch', { cwd: folder, env })).toBe('Submitted batch job 1\n')
    expect((await sentBytes()) / allBytes).toBeGreaterThan(0.99)
    expect((await sentBytes()) / allBytes).toBeLessThan(1.2)
    expect(wanted.split('\n').length).toBeGreaterThan(4)
    for (let i = 1; i <= jobs; i++) {
      expect(await digestsIn(join(folder, `node-1-${i}`, 'results', session))).toBe(wanted)
      expect(await readdir(join(folder, `node-1-${i}`, 'tmp'))).toEqual([
        expect.stringMatching(/^xnatfs-\d+$/),
      ])
    }
    await expectNoTrace()
  })

  it('one job that prefetches leaves nothing for the others to ask for', async () => {
    await rm(join(scratch, 'me'), { recursive: true })
    const folder = await submitted('prefetched')
    const parts = recipe('sbatch --parsable').trim().split('\n')
    expect(parts).toHaveLength(2)
    await server.resetRequests()
    const said = await shell(
      `set -e\n${parts[0]}\ncurl -fsS ${server.url}/__emulator/requests > before.json\n${parts[1]}`,
      { cwd: folder, env },
    )
    expect(said).toBe('Submitted batch job 2\n')
    const prefetched = bytesOfFiles(
      JSON.parse(await readFile(join(folder, 'before.json'), 'utf8')) as Answer[],
    )
    expect(prefetched / allBytes).toBeGreaterThan(0.99)
    expect(await sentBytes()).toBe(prefetched)
    for (let i = 1; i <= jobs; i++)
      expect(await digestsIn(join(folder, `node-2-${i}`, 'results', session))).toBe(wanted)
    await expectNoTrace()
  })

  it('containers, each a host of its own, get the session once between them, and write out what they convert', async () => {
    const folder = join(home, 'containers')
    await mkdir(folder)
    const { path } = await packedOnce()
    await copyFile(path, join(folder, basename(path)))
    await writeFile(join(folder, 'Dockerfile'), recipe('FROM '))
    const [build, ...rest] = recipe('docker build').split('\n')
    const user = { XNAT_USER: server.user, XNAT_PASS: server.password }
    await shell(build!, { cwd: folder, env })
    await rm(join(scratch, 'me'), { recursive: true })
    await server.resetRequests()
    const both = ['one', 'two'].map(async (name) => {
      const cwd = join(folder, name)
      await mkdir(cwd)
      await shell(rest.join('\n'), { cwd, env: { ...env, ...user } })
      return join(cwd, 'out')
    })
    for (const out of await Promise.all(both))
      expect((await readdir(out)).filter((made) => made.endsWith('.nii')).length).toBeGreaterThan(2)
    expect((await sentBytes()) / allBytes).toBeGreaterThan(0.99)
    expect((await sentBytes()) / allBytes).toBeLessThan(1.2)
    await expectNoTrace()
  })

  it.each([
    ['--device /dev/fuse ', /FUSE: does not work here: .*; .* start the container with --device \/dev\/fuse/],
    ['--cap-add SYS_ADMIN ', /cannot be mounted on: .*; .* a container wants .*--cap-add SYS_ADMIN/],
  ])('a container without %s is told what it wants', async (flag, words) => {
    const command = recipe('docker build').replace(/^.*\n/, '')
    expect(command).toContain(flag)
    const user = { XNAT_USER: server.user, XNAT_PASS: server.password }
    const line = command.replace(flag, '')
    const { code, stderr } = await run('bash', ['-c', line], { cwd: home, env: { ...env, ...user } })
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(words)])
    expect(code).not.toBe(0)
  })
})

interface Answer {
  readonly path: string
  readonly responseBytes: number
}

function bytesOfFiles(answers: readonly Answer[]): number {
  return answers
    .filter(({ path }) => /\/files(\/|\?format=zip)/.test(path))
    .reduce((sum, { responseBytes }) => sum + responseBytes, 0)
}
