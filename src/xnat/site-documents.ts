import { rawSegment } from './address.js'
import type { ItemAddress } from './address.js'
import { inForm } from './answer-documents.js'
import type { AnswerFormat } from './answer-documents.js'
import { json, table, value } from './documents.js'
import type { Document } from './documents.js'

/** What the site tells of itself and its users: documents of xnat-wire.md §11.3. */

/** The log-ins of all accounts, which XNAT tells to site administrators only. */
export function loginsDocument(): Document {
  return {
    path: '/data/user?format=json',
    isOptional: true,
    problem: (text) => (/^\s*\[\s*(?:"|\])/.test(text) ? undefined : 'no list of log-ins came'),
  }
}

/** What a user may do on the site, which XNAT tells to site administrators only. */
export function rolesDocument(login: string): Document {
  return table(`/data/user/${rawSegment(login)}/roles`, 'role')
}

/** How many sessions a user has at the server: oneself, or for site administrators another. */
export function sessionsDocument(login?: string): Document {
  const path = `/data/services/sessions${login === undefined ? '' : `/${rawSegment(login)}`}`
  return { ...value(path, /^\d+$/), isOptional: true }
}

/** The scanners of MR sessions. */
export function scannersDocument(): Document {
  return { ...table('/data/scanners', 'scanner'), isOptional: true }
}

export function investigatorsDocument(): Document {
  return { ...table('/data/investigators', 'lastname'), isOptional: true }
}

export function featuresDocument(): Document {
  return table('/data/services/features', 'key')
}

/** The events of any item: projects and subjects too. Made of all of them for each question. */
export function auditDocument(xsiType: string, id: string): Document {
  return {
    ...json(`/data/services/audit/${rawSegment(xsiType)}/${rawSegment(id)}`, 'events'),
    isCostly: true,
  }
}

/**
 * What XNAT answers with an error where nothing is asked of it (xnat-wire.md §11.1, §11.3): who opens it is told which, and
 * reads it where a server has something to say.
 */
export function bareServiceDocument(service: 'audit' | 'workflows'): Document {
  return { path: `/data/services/${service}`, problem: () => undefined }
}

/** What the header of the first DICOM file of a session or a scan says. */
export function dicomDumpDocument({ project, experiment, scan }: ItemAddress): Document {
  const session = `/archive/projects/${project!}/experiments/${experiment!}`
  const source = scan === undefined ? session : `${session}/scans/${scan}`
  return dicomDumpOf([['src', source]], 'csv')
}

/** @param parameters of the question, but for the format */
export function dicomDumpOf(
  parameters: readonly (readonly [key: string, value: string])[],
  format: AnswerFormat | undefined,
): Document {
  const asked = parameters.map(([key, value]) => `${key}=${encodeURIComponent(value)}&`).join('')
  return { ...inForm(table('/data/services/dicomdump', 'vr', asked), format)!, isCostly: true }
}
