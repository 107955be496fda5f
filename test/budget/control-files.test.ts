import { describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { put } from '../support/emulator-rest.js'
import { writeFile } from '../support/file-system.js'

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

describe('a list as the server answers it', () => {
  it('is asked for once by who opens it, and anew by the next one after a change', async () => {
    await site.fs.list('TEST')
    const path = 'data/projects/TEST/subjects?format=csv'
    const list = 'GET /data/projects/TEST/subjects'
    expect(await askedBy(() => site.fs.stat(path))).toEqual([])
    expect(await askedBy(() => site.text(path))).toEqual([list])
    await site.fs.mkdir('TEST/NEW')
    expect(await site.text(path)).toContain('NEW')
  })
})

describe('writing', () => {
  it('a setting costs the change and the list that proves it, and looking at it again its text', async () => {
    const folder = 'TEST/.xnat/config/tool'
    const [list, first, second] = ['', '/one', '/two'].map((path) => `/data/projects/TEST/config/tool${path}`)
    await site.fs.list(folder)
    const asked = await askedBy(async () => {
      await writeFile(site.fs, `${folder}/one`, 'a setting\n')
      await writeFile(site.fs, `${folder}/two`, 'another\n')
      expect(await site.fs.list(folder)).toEqual(['one', 'two'])
    })
    expect(asked).toEqual([`PUT ${first}`, `GET ${list}`, `PUT ${second}`, `GET ${list}`])
    const removed = await askedBy(() => site.fs.unlink(`${folder}/one`))
    expect(removed.filter((request) => !request.endsWith('/one'))).toEqual([`GET ${list}`, `GET ${list}`])
    expect(await askedBy(() => site.fs.list(folder))).toEqual([])
  })

  it('files of the user costs each the list that nobody has made it meanwhile, and reading it back', async () => {
    const list = '/data/user/cache/resources/up/files'
    await site.fs.mkdir('.xnat/cache/up')
    await site.fs.list('.xnat/cache/up')
    const names = ['a', 'b', 'c']
    const asked = await askedBy(async () => {
      for (const name of names) await writeFile(site.fs, `.xnat/cache/up/${name}`, `bytes of ${name}`)
      expect((await site.fs.list('.xnat/cache/up')).toSorted()).toEqual(names)
    })
    expect(asked).toEqual(
      names.flatMap((name) => [`GET ${list}`, `PUT ${list}/${name}`, `GET ${list}/${name}`]),
    )
    const removed = await askedBy(async () => {
      for (const name of names) await site.fs.unlink(`.xnat/cache/up/${name}`)
      expect(await site.fs.list('.xnat/cache/up')).toEqual([])
    })
    expect(removed).toEqual(names.flatMap((name) => [`GET ${list}`, `DELETE ${list}/${name}`, `GET ${list}`]))
  })
})

describe('an order to a service', () => {
  const lists = {
    subjects: () => site.fs.list('TEST'),
    files: () => site.fs.list(`${session}/resources/QC`),
    waiting: () => site.fs.list('.xnat/prearchive'),
    settings: () => site.fs.list('TEST/.xnat/config'),
    userFiles: () => site.fs.list('.xnat/cache'),
  }
  /** Those that have to be asked for anew after the order. */
  async function forgottenBy(order: string, parameters: string): Promise<string[]> {
    for (const list of Object.values(lists)) await list()
    await writeFile(site.fs, `.xnat/services/${order}`, parameters)
    const forgotten: string[] = []
    for (const [name, list] of Object.entries(lists))
      if ((await askedBy(list)).length > 0) forgotten.push(name)
    return forgotten
  }
  const waiting = 'src=/prearchive/projects/TEST/20260101_120000123/PRE1'

  it.each([
    ['validate-archive', waiting, []],
    ['prearchive/rebuild', waiting, ['waiting']],
    ['refresh/catalog', 'resource=/archive/projects/TEST\noptions=populateStats', ['subjects', 'files']],
    ['archive', waiting, ['subjects', 'files', 'waiting', 'userFiles']],
  ])('makes the mount ask anew for what it may change: %s', async (order, parameters, expected) => {
    expect(await forgottenBy(order, parameters)).toEqual(expected)
  })
})
