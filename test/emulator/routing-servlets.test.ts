import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startContractServer, type ContractServer } from '../support/contract-server.js'
import { table } from '../support/contract-fixtures.js'

describe('xnat-wire.md §1.1: what is mounted where', () => {
  let server: ContractServer
  beforeAll(async () => void (server = await startContractServer()))
  afterAll(() => server.close())

  test('/data, /REST and their /archive twins serve the same projects', async () => {
    for (const prefix of ['/data', '/REST', '/data/archive', '/REST/archive']) {
      const { rows } = await table(server, `${prefix}/projects`)
      expect(rows.map(({ ID }) => ID)).toContain(server.project)
    }
  })
})
