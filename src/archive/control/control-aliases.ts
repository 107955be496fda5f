import type { Entry } from '../archive.js'
import { aliasEntry } from '../entries.js'
import { controlName } from '../layout.js'
import { settingAnswers } from './settings.js'

type Targets = Readonly<Record<string, string>>

/** Where REST's own path of what is in `.xnat` leads to. No names are kept for them: an item that is called so is shown. */
const aliases: Readonly<Record<string, Targets>> = {
  root: {
    users: 'users',
    user: 'users',
    search: 'search',
    scan_types: 'scan_types?',
    prearchive: 'prearchive',
    workflows: 'workflows',
    status: 'status',
    services: 'services',
    config: settingAnswers,
    scanners: 'scanners?',
    investigators: 'investigators?',
  },
  project: {
    accessibility: 'accessibility',
    prearchive_code: 'prearchive_code',
    quarantine_code: 'quarantine_code',
    current_arc: 'current_arc',
    scan_type_mapping: 'scan_type_mapping',
    archive_spec: 'archive_spec.xml',
    scan_types: 'scan_types?',
    pipelines: 'pipelines',
    users: 'users',
    groups: 'groups',
    pars: 'pars?',
    protocols: 'protocols',
    searches: 'searches',
    config: settingAnswers,
  },
  subject: { projects: 'projects', status: 'status' },
  experiment: { projects: 'projects', status: 'status', history: 'history.json' },
  scan: { DICOMDIR: 'DICOMDIR.zip', projects: 'projects' },
  assessor: { projects: 'projects' },
}

export function controlAlias(level: string, name: string): Entry | undefined {
  const targets = aliases[level]
  if (!targets || !Object.hasOwn(targets, name)) return undefined
  return aliasEntry(name, `${controlName}/${targets[name]!}`)
}
