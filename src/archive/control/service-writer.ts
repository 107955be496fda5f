import { FsError } from '../../util/fs-error.js'
import type { XnatClient } from '../../xnat/client.js'
import { unassigned } from '../../xnat/prearchive-client.js'
import type { PrearchivedSession } from '../../xnat/prearchive-client.js'
import type { Parameter } from '../../xnat/service-paths.js'
import type { ControlPlace } from './control-place.js'
import type { ServiceAnswers } from './service-answers.js'
import { orderKey, parametersOf, serviceOf } from './service-orders.js'
import type { Allowance, Service } from './service-orders.js'

export interface ServiceWriterOptions {
  readonly client: XnatClient
  readonly answers: ServiceAnswers
  readonly allows: (what: Allowance) => boolean
}

/** In which nothing comes and goes. In all others (RECEIVING, QUEUED_ARCHIVING, _MOVING …) the server is at work. */
export const restingStates: readonly string[] = ['READY', 'ERROR', 'CONFLICT']

const optionFor: Readonly<Record<Allowance, string>> = {
  create: '--allow-create entities',
  delete: '--allow-delete entities',
  rename: '--allow-rename entities',
  'raw-writes': '--allow-raw-writes',
}

/** Why an order is not given by this mount, and what would help. */
export function lackOfService(
  needs: Allowance | undefined,
  allows: (what: Allowance) => boolean,
): { readonly reason: string; readonly nextStep: string } | undefined {
  if (needs === undefined || allows(needs)) return undefined
  const reason = 'the server would change more than this mount may'
  return { reason, nextStep: `mount with ${optionFor[needs]} to have it done` }
}

/** Has the server do something that it does by itself: what is in the archive moves there, and not through the mount. */
export class ServiceWriter {
  readonly #options: ServiceWriterOptions

  constructor(options: ServiceWriterOptions) {
    this.#options = options
  }

  async give(place: ControlPlace, name: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { client, answers, allows } = this.#options
    const service = serviceOf(place, name)!
    const parameters = checked(name, service, bytes.toString())
    const lack = lackOfService(service.needsFor?.(parameters), allows)
    if (lack) throw new FsError('EPERM', `${name}: ${lack.reason}`, lack)
    const sessions = service.takesSessions ? sessionsIn(parameters) : []
    for (const session of sessions) await this.#requireResting(name, session, signal)
    answers.keep(orderKey(place, name), await client.control.order(service.path, parameters, signal))
  }

  /** What it would do with a session at which the server is at work, nobody knows. */
  async #requireResting(name: string, wanted: Named, signal?: AbortSignal): Promise<void> {
    const { project } = wanted
    const { prearchive } = this.#options.client
    const sessions = await prearchive.sessions(project === unassigned ? undefined : project, signal)
    const found = sessions.find((session) => isSame(session, wanted))
    const path = `${project}/${wanted.timestamp}/${wanted.name}`
    if (!found) throw new FsError('ENOENT', `${name}: no session waits at /prearchive/projects/${path}`)
    if (restingStates.includes(found.status)) return
    throw new FsError('EBUSY', `${name}: the server is at work on ${path} (${found.status})`, {
      nextStep: 'try again when it is done',
    })
  }
}

type Named = Pick<PrearchivedSession, 'project' | 'timestamp' | 'name'>

function isSame(a: Named, b: Named): boolean {
  return a.project === b.project && a.timestamp === b.timestamp && a.name === b.name
}

function checked(name: string, { required, takesSessions }: Service, text: string): Parameter[] {
  const nextStep = `write key=value, one a line${required.length > 0 ? `, with ${required.join(' and ')}` : ''}`
  const parameters = parametersOf(text)
  if (!parameters) throw new FsError('EINVAL', `${name}: a line is no key=value`, { nextStep })
  const other = takesSessions && parameters.find(([key]) => key === 'timestamp' || key === 'folder')
  if (other) throw new FsError('EINVAL', `${name}: ${other[0]}= would name one more session`, { nextStep })
  const missing = required.find((key) => parameters.every(([given, value]) => given !== key || value === ''))
  if (missing !== undefined) throw new FsError('EINVAL', `${name}: ${missing}= is missing`, { nextStep })
  return parameters
}

function sessionsIn(parameters: readonly Parameter[]): Named[] {
  return parameters.flatMap(([key, value]) => {
    if (key !== 'src') return []
    const [, project, timestamp, name] =
      /^(?:\/data)?\/prearchive\/projects\/([^/]+)\/([^/]+)\/([^/]+)\/?$/.exec(value) ?? []
    if (project !== undefined && timestamp !== undefined && name !== undefined)
      return [{ project, timestamp, name }]
    throw new FsError('EINVAL', `src=${value} names no session of the prearchive`, {
      nextStep: 'give /prearchive/projects/PROJECT/TIME/NAME',
    })
  })
}
