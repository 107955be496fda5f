import { describe, expect, it } from 'vitest'
import { parseMountInfo } from '../../../src/fuse/mountpoint.js'

describe('parseMountInfo', () => {
  it('reads mounts, blanks and other bytes in their names', () => {
    const text = `22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:44 / /home/me/my\\040xnat\\303\\251 rw,nosuid,nodev,relatime - fuse.xnatfs https://xnat.example.org rw,user_id=0
`
    expect(parseMountInfo(text)).toEqual([
      { id: 22, device: '0:21', mountpoint: '/', fsType: 'ext4', source: '/dev/vda' },
      {
        id: 31,
        device: '0:44',
        mountpoint: '/home/me/my xnaté',
        fsType: 'fuse.xnatfs',
        source: 'https://xnat.example.org',
      },
    ])
  })
})
