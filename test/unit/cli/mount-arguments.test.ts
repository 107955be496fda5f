import { describe, expect, it } from 'vitest'
import { parametersOfHelper, withoutMountOptions } from '../../../src/cli/mount-arguments.js'

describe('options as in /etc/fstab', () => {
  it.each([
    ['mount -o ro,allow_other m', 'mount --read-only --allow-other m'],
    ['mount m -oro', 'mount m --read-only'],
    ['mount m -o listing_ttl=5,uid=1000,umask=077', 'mount m --listing-ttl=5 --uid=1000 --umask=077'],
    ['mount m -o cache-dir=/a=b,no_cache', 'mount m --cache-dir=/a=b --no-cache'],
    ['mount m -o rw,noauto,user,_netdev,nofail,nosuid,nodev,x-systemd.automount,defaults', 'mount m'],
    ['mount --user me m', 'mount --user me m'],
    ['mount m -- -o', 'mount m -- -o'],
    ['umount -o x', 'umount -o x'],
  ])('%s is %s', (given, meant) => {
    expect(withoutMountOptions(given.split(' ')).join(' ')).toBe(meant)
  })

  it('want a word', () => {
    expect(() => withoutMountOptions(['mount', 'm', '-o'])).toThrow(expect.objectContaining({ exitCode: 2 }))
  })

  it.each([
    [
      'frobnicate',
      '-o frobnicate: is no option of mount; `xnatfs mount --help` lists them; a dash may be written as _',
    ],
    ['alow_other', '-o alow_other: is no option of mount; write allow_other if that is meant'],
    ['ro=5', '-o ro=5: takes no value; write it as -o ro'],
  ])('are refused in the words that were written: %s', (option, words) => {
    expect(() => withoutMountOptions(['mount', 'm', '-o', `noauto,${option}`])).toThrow(
      expect.objectContaining({ exitCode: 2, message: words }),
    )
  })

  it.each([
    ['https://h /m -o rw,noauto', 'mount https://h /m -o rw,noauto'],
    ['https://h /m -sn -v -t xnatfs -o ro', 'mount https://h /m -o ro'],
  ])('come from mount(8): %s', (given, meant) => {
    expect(parametersOfHelper(given.split(' ')).join(' ')).toBe(meant)
  })
})
