import { expect, it } from 'vitest'
import { writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/D')

it('sending everything is not over with an attempt that had begun before and failed', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  await writeFile(fs, 'TEST/1/MR1/resources/D/a.txt', 'text')
  at.emulator.control.setFaults([
    { path: '/data/experiments/*/resources/*/files/a.txt', times: 1, fault: { kind: 'status', status: 400 } },
  ])
  const before = mount.vfs.drain({ includeOpen: false })
  await mount.vfs.drain({ includeOpen: false })
  await before
  expect(await at.server.texts()).toEqual({ 'a.txt': 'text' })
  expect(mount.lines.join('\n')).toMatch(/a\.txt is not on the server/) // the first one has failed
})
