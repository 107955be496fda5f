import { afterAll, beforeAll, describe, it } from 'vitest'
import type { FileSystem } from '../support/file-system.js'
import { bytesChecks } from './bytes-checks.js'
import { limitsChecks } from './limits-checks.js'
import { namesChecks } from './names-checks.js'

const checks = { ...bytesChecks, ...namesChecks, ...limitsChecks }

/** Answers requests of the test's own, as the user who may edit. */
interface RestServer {
  rest(
    method: 'GET' | 'PUT',
    path: string,
    body?: Buffer,
  ): Promise<{ readonly status: number; readonly body: Buffer }>
}

export interface Subject {
  readonly fs: FileSystem
  readonly server: RestServer
  stop(): Promise<void>
}

/**
 * Runs the table of checks over one file system.
 * @param without those that are not meant for it
 */
export function runChecks(
  name: string,
  start: () => Promise<Subject>,
  without: readonly (keyof typeof checks)[] = [],
): void {
  const chosen = Object.entries(checks).filter(([title]) => !without.includes(title))
  describe(name, () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await start()
    })
    afterAll(() => subject.stop())

    chosen.forEach(([title, check], index) => {
      it(title, async () => {
        const { fs, server } = subject
        const label = `CHECK_${index}`
        const here = `TEST/1/MR1/resources/${label}`
        const uri = `/data/projects/TEST/subjects/1/experiments/MR1/resources/${label}/files`
        await fs.mkdir(here)
        await check({
          fs,
          here,
          stored: async (path) => {
            const { status, body } = await server.rest('GET', `${uri}/${path}`)
            return status === 200 ? body : undefined
          },
          put: async (path, bytes) => {
            const { status } = await server.rest('PUT', `${uri}/${path}`, bytes)
            if (status !== 200) throw new Error(`PUT ${path}: ${status}`)
          },
        })
      })
    })
  })
}
