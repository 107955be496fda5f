import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lackOfNode, oldestNode } from '../../../src/cli/node-version.js'
import { repository } from '../../support/processes.js'

it.each([
  ['18.19.0', /^xnatfs: Node\.js 18\.19\.0: is too old; install 20\.18\.1 or newer$/],
  ['20.9.0', /too old/],
  ['20.18.0', /too old/],
])('Node.js %s is told to be too old', (version, words) => {
  expect(lackOfNode(version)).toMatch(words)
})

it.each(['20.18.1', '20.19.0', '22.0.0', '24.1.0-nightly'])('Node.js %s will do', (version) => {
  expect(lackOfNode(version)).toBeUndefined()
})

it('is as package.json says', async () => {
  const { engines } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    engines: { node: string }
  }
  expect(engines.node).toBe(`>=${oldestNode}`)
})
