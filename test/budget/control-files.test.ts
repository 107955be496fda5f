import { describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { put } from '../support/emulator-rest.js'

/** What looking into `.xnat` and giving orders there may cost, in requests, as the server counts them. */

const site = useControlSite({ listingTtl: 60, allowCreate: 'entities', allowDelete: 'entities' })
const session = 'TEST/1/MR1'

/** The paths that were asked for, without their questions. */
async function askedBy(task: () => Promise<unknown>): Promise<string[]> {
  site.emulator.control.resetRequests()
  await task()
  return site.emulator.control.requests().map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)
}

async function listLong(path: string): Promise<void> {
  for (const name of await site.fs.list(path)) await site.fs.stat(`${path}/${name}`)
}

describe('ls -l', () => {
  it('of the .xnat of an experiment and a scan asks for nothing that costs the server much', async () => {
    const id = await site.sessionId()
    await site.fs.stat(session)
    const asked = await askedBy(() => listLong(`${session}/.xnat`))
    expect(asked.toSorted()).toEqual([`GET /data/experiments/${id}`, `GET /data/experiments/${id}/status`])
    await site.fs.stat(`${session}/scans/1`)
    const ofScan = await askedBy(() => listLong(`${session}/scans/1/.xnat`))
    expect(ofScan).toEqual([`GET /data/experiments/${id}/scans/1`])
  })

  it('of the searches that are kept runs none of them', async () => {
    const search =
      '<xdat:stored_search ID="kept" xmlns:xdat="http://nrg.wustl.edu/security"><xdat:root_element_name>xnat:subjectData</xdat:root_element_name></xdat:stored_search>'
    await put(site.emulator, '/data/search/saved/kept', search)
    const asked = await askedBy(() => listLong('.xnat/search/saved'))
    expect(asked.filter((request) => request.endsWith('/results'))).toEqual([])
  })
})

describe('what costs the server much', () => {
  it('is asked for by who opens it, once as long as listings are believed', async () => {
    const id = await site.sessionId()
    const path = `${session}/.xnat/history.json`
    const history = `/data/experiments/${id}/history`
    expect(await askedBy(() => site.fs.stat(path))).toEqual([])
    expect((await site.fs.stat(path)).sizeBytes).toBe(0)
    const asked = await askedBy(async () => {
      const sent = withNewline(await site.server(history))
      expect(await site.text(path)).toBe(sent)
      expect(await site.text(path)).toBe(sent)
    })
    expect(asked).toEqual([`GET ${history}`, `GET ${history}`]) // the first is that of this test
    const { sizeBytes } = await site.fs.stat(path)
    expect(sizeBytes).toBe(withNewline(await site.server(history)).length)
  })
})
