/**
 * Names that tools give to files on their way to another name, or to locks and backups of theirs (found in traces of
 * vim, nano, emacs, sed, rsync, zip and others). Such a file stays on this machine until it is renamed.
 */
const patterns: readonly RegExp[] = [
  /^\..*\.sw[a-z]$/, // vim and nano: swap files and locks
  /^4913$/, // vim: may I create files here?
  /~$/, // vim, emacs, nano: backups
  /^\.#/, // emacs: locks
  /^#.*#$/, // emacs: auto-save
  /^sed[A-Za-z0-9]{6}$/, // sed -i
  /^\..+\.[A-Za-z0-9]{6}$/, // rsync
  /^zi[A-Za-z0-9]{6}$/, // zip
  /\.part$/, // downloads
  /^\.fuse_hidden/, // libfuse: removed while open
  /^\.nfs[0-9a-f]+$/,
]

export function isTemporaryName(name: string): boolean {
  return patterns.some((pattern) => pattern.test(name))
}
