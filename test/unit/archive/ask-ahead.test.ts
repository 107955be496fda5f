import { describe, expect, it } from 'vitest'
import { directoryEntry } from '../../../src/archive/entries.js'
import type { ItemPlace } from '../../../src/archive/layout.js'
import { XnatArchive } from '../../../src/archive/xnat-archive.js'
import { Log } from '../../../src/util/log.js'
import type { HttpResponse } from '../../../src/xnat/http.js'
import type { Session } from '../../../src/xnat/session.js'

const place: ItemPlace = {
  level: 'scans',
  item: { project: 'P', subject: 'S', experiment: 'E1' },
  xsiType: 'xnat:mrSessionData',
}
const scans = directoryEntry('scans', 'scans', 0, place)

/** The paths that are asked for before anything is answered. */
async function askedFor(task: (archive: XnatArchive) => unknown): Promise<string[]> {
  const paths: string[] = []
  const send = ({ path }: { path: string }): Promise<HttpResponse> => {
    paths.push(path.replace(/\?.*?(all=true)?$/, '?$1'))
    return new Promise(() => {})
  }
  const session = { send } as unknown as Session
  const log = new Log({ write: () => {} })
  const archive = new XnatArchive({
    session,
    log,
    listingTtlMs: 1000,
    allowRawWrites: false,
    allowRelabel: false,
  })
  void task(archive)
  await new Promise((resolve) => setImmediate(resolve))
  return paths.sort()
}

describe('the resources of a session', () => {
  const listing = '/data/experiments/E1/scans?'
  it('are asked for together with its scans by who looks for a scan by name', async () => {
    const resources = '/data/experiments/E1/resources?all=true'
    expect(await askedFor((archive) => archive.lookup(scans, '1'))).toEqual([resources, listing])
  })

  it('are not asked for by who lists its scans', async () => {
    expect(await askedFor((archive) => archive.list(scans))).toEqual([listing])
  })
})
