import { itemPath } from './address.js'
import { inLowerCase } from './control-client.js'
import type { RestCalls } from './rest-calls.js'
import { cell } from './rows.js'
import { settingPath, settingsPath } from './settings-documents.js'
import { XnatError } from './xnat-error.js'

/** The part of REST that is about how the site and its projects are set up. */
export class SettingsClient {
  readonly #rest: RestCalls

  constructor(rest: RestCalls) {
    this.#rest = rest
  }

  /** The IDs of the groups of a project. */
  async groups(project: string, signal?: AbortSignal): Promise<string[]> {
    const rows = await this.#rest.rows(`${itemPath({ project })}/groups`, {}, signal)
    return rows.map(inLowerCase).flatMap((row) => cell(row, 'id') ?? [])
  }

  /** Those that keep something. Where none does, XNAT knows no list. */
  async tools(project: string | undefined, signal?: AbortSignal): Promise<string[]> {
    const rows = await orNone(this.#rest.rows(settingsPath(project), {}, signal))
    return rows.flatMap((row) => cell(row, 'tool') ?? [])
  }

  /** The paths under which a tool keeps something now. */
  async paths(project: string | undefined, tool: string, signal?: AbortSignal): Promise<string[]> {
    const rows = await orNone(this.#rest.rows(settingPath(project, tool, '').replace(/\/$/, ''), {}, signal))
    return rows
      .filter((row) => cell(row, 'status') !== 'disabled')
      .flatMap((row) => cell(row, 'path')?.replace(/^\/+/, '') ?? [])
  }

  /** XNAT keeps what was set, and tells it no more. */
  async disable(
    project: string | undefined,
    tool: string,
    path: string,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#rest.command('DELETE', settingPath(project, tool, path), signal)
  }
}

async function orNone<T>(rows: Promise<T[]>): Promise<T[]> {
  try {
    return await rows
  } catch (error) {
    if (error instanceof XnatError && error.code === 'not-found') return []
    throw error
  }
}
