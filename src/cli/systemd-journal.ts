import { fstatSync } from 'node:fs'

/** Whether what is written to a descriptor goes to the journal of systemd, which has started us (systemd.exec(5)). */
export function isJournalOfSystemd(
  descriptor: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  const { dev, ino } = fstatSync(descriptor)
  return env['JOURNAL_STREAM'] === `${dev}:${ino}`
}

/** What makes the output of a program go to the journal, whoever has started it (systemd-cat(1)). */
export const toJournal = ['systemd-cat', '--identifier=xnatfs', '--level-prefix=yes'] as const
