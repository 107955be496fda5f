import { beforeAll, describe, expect, it } from 'vitest'
import { useControlSite } from '../support/control-site.js'
import { rest } from '../support/emulator-rest.js'
import { writeFile } from '../support/file-system.js'

/** What has resources: all of it takes them and their files, in the mount and by the paths of REST. */

const site = useControlSite()
const subject = '/projects/TEST/subjects/1'
const session = `${subject}/experiments/MR1`

/** By REST, and where it is in the mount. */
const parents: readonly (readonly [uri: string, place: string])[] = [
  ['/projects/TEST/resources', 'TEST/resources'],
  [`${subject}/resources`, 'TEST/1/resources'],
  [`${session}/resources`, 'TEST/1/MR1/resources'],
  [`${session}/scans/1/resources`, 'TEST/1/MR1/scans/1'],
  ...(['in', 'out'] as const).flatMap((side): [string, string][] => [
    [`${session}/reconstructions/RECON1/${side}/resources`, `TEST/1/MR1/reconstructions/RECON1/${side}`],
    [`${session}/assessors/ASSESS1/${side}/resources`, `TEST/1/MR1/assessors/ASSESS1/${side}`],
  ]),
]

describe('a resource of a parent, and a file in it', () => {
  let assessor: string
  beforeAll(async () => {
    const list = await site.server(`/data${session}/assessors?format=csv`)
    assessor = /\bXNAT_E\d+(?=[^\n]*\bASSESS1\b)/.exec(list)![0]
  })
  const statusOf = async (path: string): Promise<number> => (await rest(site.emulator, 'GET', path)).status

  it.each(parents)('are made, stored, read and removed: %s', async (uri, place) => {
    // REST finds an assessor by its label only in its project.
    const resources = `/data${uri.replace('ASSESS1', assessor)}`
    for (const [folder, files] of [
      [place, ''],
      [`data${uri}`, '/files'],
    ] as const) {
      const [label, file] = [`${folder}/MADE`, `${folder}/MADE${files}/a.txt`]
      await site.fs.mkdir(label)
      expect(await site.server(`${resources}?format=csv`)).toContain('MADE')
      await writeFile(site.fs, file, 'first')
      expect(await site.server(`${resources}/MADE/files/a.txt`)).toBe('first')
      await writeFile(site.fs, file, 'second')
      expect(await site.server(`${resources}/MADE/files/a.txt`)).toBe('second')
      expect(await site.text(`${place}/MADE/a.txt`)).toBe('second')
      await site.fs.unlink(file)
      expect(await statusOf(`${resources}/MADE/files/a.txt`)).toBe(404)
      await site.fs.rmdir(label)
      expect(await site.server(`${resources}?format=csv`)).not.toContain('MADE')
    }
  })
})
