import { describe, expect, it } from 'vitest'
import { mountOf } from '../../../src/cli/find-mount.js'
import type { MountInfo } from '../../../src/fuse/mountpoint.js'

const mounts = (...places: readonly [string, string][]): MountInfo[] =>
  places.map(([mountpoint, fsType], id) => ({ id, device: '0:1', mountpoint, fsType, source: '' }))

describe('the mount of a path', () => {
  const all = mounts(['/', 'ext4'], ['/home/me/xnat', 'fuse.xnatfs'], ['/home/me/xnat-2', 'tmpfs'])

  it.each([
    ['/home/me/xnat', { mountpoint: '/home/me/xnat', path: '' }],
    ['/home/me/xnat/P/S', { mountpoint: '/home/me/xnat', path: 'P/S' }],
    ['/home/me/xnat-2/P', undefined],
    ['/home/me', undefined],
  ])('of %s', (path, found) => {
    expect(mountOf(all, path)).toEqual(found)
  })

  it('is the one that was mounted last', () => {
    const over = [...all, ...mounts(['/home/me/xnat', 'tmpfs'])]
    expect(mountOf(over, '/home/me/xnat/P')).toBeUndefined()
    expect(mountOf([...over, ...mounts(['/home/me/xnat', 'fuse.xnatfs'])], '/home/me/xnat/P')?.path).toBe('P')
  })
})
