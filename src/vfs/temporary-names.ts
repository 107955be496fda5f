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
  /\.part(ial)?$/, // downloads, zarr, rclone
  /^\.nfs[0-9a-f]+$/,
]

/** sed -i, perl -i, zip and rsync end their names in six random letters and digits. Words do not look random. */
const randomEnd = /^(?:sed|zi|XX|\..+\.)([A-Za-z0-9]{6})$/
const looksRandom = /[A-Z0-9]/

export function isTemporaryName(name: string): boolean {
  const end = randomEnd.exec(name)?.[1]
  if (end !== undefined && looksRandom.test(end)) return true
  return patterns.some((pattern) => pattern.test(name))
}

/** To which tools rename a file that they are about to write anew, or to remove: it may be short-lived. */
export function isBackupName(name: string): boolean {
  return /~$|^\.nfs[0-9a-f]+$/.test(name)
}
