import { describe, expect, it, vi } from 'vitest'
import { writeFile } from '../support/file-system.js'
import { useRemounts } from '../support/remounts.js'

const here = 'TEST/1/MR1/resources/U'
const at = useRemounts('/data/projects/TEST/subjects/1/experiments/MR1/resources/U')

describe('a file that is removed while others of its resource are sent', () => {
  it.each(['close', 'back'] as const)(
    'costs no request where its turn to be sent has not come (%s)',
    async (writeMode) => {
      const { mount, fs } = await at.start({ writeMode, writeBackDelay: 3600 })
      const names = Array.from({ length: 20 }, (_, i) => `${here}/n${i}`)
      for (const name of names) await writeFile(fs, name, '')
      at.emulator.control.setFaults([{ method: 'PUT', path: '/data/**', fault: { kind: 'delay', ms: 300 } }])
      at.emulator.control.resetRequests()
      const sending = mount.vfs.drain({ includeOpen: false })
      const changes = (): number =>
        at.emulator.control.requests().filter(({ method }) => method === 'PUT' || method === 'DELETE').length
      await vi.waitFor(() => expect(changes()).toBe(1), { timeout: 20_000, interval: 5 })
      await Promise.all(names.map((name) => fs.unlink(name)))
      await sending
      expect(await at.server.texts()).toEqual({})
      expect(changes()).toBeLessThanOrEqual(4)
      expect(mount.lines.filter((line) => / (?:warn|error) /.test(line))).toEqual([])
    },
  )
})
