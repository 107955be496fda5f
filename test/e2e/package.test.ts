import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packedOnce } from '../support/packed.js'
import { repository } from '../support/processes.js'

/** That it installs and works: readme.test.ts. */
describe('the package', () => {
  it('has what is needed, and nothing else', async () => {
    const packed = await packedOnce()
    const own = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('node_modules/'))
    const kinds = own.map((path) =>
      path.replace(/^(dist)\/.*\.js$/, '$1').replace(/^native\/[^/]*\.(cc|h)$/, 'native'),
    )
    expect([...new Set(kinds)].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist',
      'docs/cluster.md',
      'docs/emulator.md',
      'docs/semantics.md',
      'native',
      'native/binding.gyp',
      `native/prebuilds/linux-${process.arch}/xnatfs_fuse.glibc.node`,
      'package.json',
      'scripts/build-native',
      'share/man/xnatfs.1',
      'share/systemd/xnatfs@.service',
    ])
    const text = await readFile(join(repository, 'package.json'), 'utf8')
    const about = JSON.parse(text) as { dependencies: object; bundleDependencies: string[] }
    expect(about.bundleDependencies).toEqual(Object.keys(about.dependencies))
  })
})
