import { expect, it, vi } from 'vitest'
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

it('is over soon after the mount has given the server up, though a delete may still be carried out', async () => {
  const { fs, mount } = await at.start({ writeMode: 'back', writeBackDelay: 3600 })
  await writeFile(fs, 'TEST/1/MR1/resources/D/n.nii', 'image')
  await writeFile(fs, 'TEST/1/MR1/resources/D/n.nii.gz', 'packed')
  await mount.vfs.drain({ includeOpen: false })
  at.emulator.control.setFaults([
    { method: 'DELETE', path: '/data/**', fault: { kind: 'delay', ms: 3600_000 } },
  ])
  const removed = fs.unlink('TEST/1/MR1/resources/D/n.nii')
  removed.catch(() => {})
  const requests = (): string[] => at.emulator.control.requests().map(({ method }) => method)
  await vi.waitFor(() => expect(requests()).toContain('DELETE'), { timeout: 20_000 })
  const drained = mount.vfs.drain({ includeOpen: true }) // what goes with it is stored again when it is done
  await mount.hangUp()
  const startMs = Date.now()
  await expect(removed).rejects.toMatchObject({ code: 'EIO' })
  await drained
  expect(Date.now() - startMs).toBeLessThan(2000)
  expect(mount.vfs.unsent.map(({ path }) => path)).toEqual(['/TEST/1/MR1/resources/D/n.nii.gz'])
})
