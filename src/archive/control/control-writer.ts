import { FsError } from '../../util/fs-error.js'
import type { ItemAddress } from '../../xnat/address.js'
import type { ItemProject, Member, Pipeline } from '../../xnat/control-client.js'
import { savedSearchDocument, searchRefusal } from '../../xnat/documents.js'
import type { Document } from '../../xnat/documents.js'
import { unassigned } from '../../xnat/prearchive-client.js'
import type { PrearchivedAddress, PrearchivedSession } from '../../xnat/prearchive-client.js'
import { XnatError } from '../../xnat/xnat-error.js'
import type { DirectoryEntry, FileEntry } from '../archive.js'
import { comesToLight } from '../attempts.js'
import { otherwise } from '../errors.js'
import type { ListingCache } from '../listing-cache.js'
import { unescapeName } from '../names.js'
import { isControlKey, settingsKey } from '../sources.js'
import { changedAt } from './changed-by.js'
import type { ControlFilePlace, ControlPlace } from './control-place.js'
import { keptName, namedDocument } from './named-documents.js'
import type { SearchRuns } from './search-runs.js'
import { isServiceKind, serviceOf } from './service-orders.js'
import { ServiceWriter, restingStates } from './service-writer.js'
import type { ServiceWriterOptions } from './service-writer.js'
import { settingPathIn } from './settings.js'

export interface ControlWriterOptions extends ServiceWriterOptions {
  readonly cache: ListingCache
  readonly runs: SearchRuns
  /** Not longer than this does anything wait for the server to show what it has done. */
  readonly overdueMs?: number | undefined
}

/**
 * What is done by writing, making and removing in `.xnat`. XNAT's 200 is no proof, and some of its requests do more than
 * was meant: each is preceded by what can be refused here, and followed by a fresh answer that shows what it did.
 */
export class ControlWriter {
  readonly #options: ControlWriterOptions
  readonly #services: ServiceWriter

  constructor(options: ControlWriterOptions) {
    this.#options = options
    this.#services = new ServiceWriter(options)
  }

  /** Gives a text to the server, or the name of a file that says everything by its name. */
  async give(place: ControlPlace, given: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const name = keptName(place, given)
    const label = unescapeName(name)
    try {
      if (place.kind === 'role') await this.#addMember(place, label, bytes, signal)
      else if (place.kind === 'run') await this.#run(name.replace(/\.xml$/, ''), bytes, signal)
      else if (place.kind === 'saved') await this.#saveSearch(label.replace(/\.xml$/, ''), bytes, signal)
      else if (isServiceKind(place.kind)) await this.#services.give(place, name, bytes, signal)
      else if (place.kind === 'favorite') await this.#addFavorite(place.subject!, label, bytes, signal)
      else if (place.kind === 'config-tool') await this.#set(place, name, bytes, signal)
      else await this.#change(name, namedDocument(place, name)!, bytes, signal)
    } catch (error) {
      throw asRefusal(error, name)
    } finally {
      this.#forget(serviceOf(place, name)?.changes ?? changedAt(place, name))
    }
  }

  /** Takes somebody's role, a search, a pipeline or an item from a project, or what waits to be archived. */
  remove(entry: FileEntry | DirectoryEntry, signal?: AbortSignal): Promise<void> {
    if (entry.kind === 'file') return this.#removeFile(entry, signal)
    const { kind, prearchived } = entry.place as ControlPlace
    return kind === 'prearchive-session'
      ? this.#removePrearchived(prearchived as PrearchivedAddress, signal)
      : this.#unshare(entry, signal)
  }

  async #removeFile(file: FileEntry, signal?: AbortSignal): Promise<void> {
    const place = (file.place as ControlFilePlace).in
    const label = unescapeName(file.name)
    if (place.kind === 'run') return this.#options.runs.forget(file.name.replace(/\.xml$/, ''))
    try {
      if (place.kind === 'role') await this.#removeMember(place, label, signal)
      else if (place.kind === 'favorite') await this.#removeFavorite(place.subject!, label, signal)
      else if (place.kind === 'config-tool') await this.#removeSetting(place, label, signal)
      else if (place.kind === 'pipelines') await this.#removePipeline(place.item.project!, label, signal)
      else await this.#deleteSearch(label.replace(/\.xml$/, ''), signal)
    } finally {
      this.#forget(changedAt(place, file.name))
    }
  }

  /** Shares an item with a project. */
  async makeDirectory({ item }: ControlPlace, name: string, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const project = unescapeName(name)
    if (!/^[\w-]+$/.test(project))
      throw new FsError('EINVAL', `share with ${name}: that is no ID of a project`, {
        nextStep: 'take the ID as the root of the mount lists it',
      })
    try {
      await control.share(item, project, signal)
      const isShared = async (): Promise<boolean> =>
        (await this.#projectsOf(item, signal)).some(({ id }) => id === project)
      if (await this.#isSeen(isShared, signal)) return
      throw otherwise(`share with ${name}: the server says it is done, and does not list it`)
    } finally {
      this.#forget(() => true)
    }
  }

  /** Ends the sharing of an item with a project. */
  async #unshare(directory: DirectoryEntry, signal?: AbortSignal): Promise<void> {
    const { item, subject } = directory.place as ControlPlace
    const project = subject!
    const { client } = this.#options
    try {
      const [owner, ...others] = await this.#projectsOf(item, signal)
      const owned = (await client.item(item, signal))['project']
      // A request that names the owner would delete the item with all its data (xnat-wire.md §6).
      if (project === owned || project === owner?.id || owned !== owner?.id)
        throw new FsError(
          'EPERM',
          `un-share ${project}: the item is its own, or may be, and would be deleted`,
          { nextStep: 'take it away from the projects that it was shared with' },
        )
      if (!others.some(({ id }) => id === project)) return // gone already, as wanted
      await client.control.unshare(item, project, signal)
      const isOver = async (): Promise<boolean> =>
        (await this.#projectsOf(item, signal)).every(({ id }) => id !== project)
      if (await this.#isSeen(isOver, signal)) return
      throw otherwise(`un-share ${project}: the server says it is done, and still lists it`)
    } finally {
      this.#forget(() => true)
    }
  }

  /** With all its files. */
  async #removePrearchived(session: PrearchivedAddress, signal?: AbortSignal): Promise<void> {
    const { prearchive } = this.#options.client
    const { project, timestamp, name } = session
    const find = async (): Promise<PrearchivedSession | undefined> => {
      const sessions = await prearchive.sessions(project === unassigned ? undefined : project, signal)
      return sessions.find(
        (other) => other.project === project && other.timestamp === timestamp && other.name === name,
      )
    }
    try {
      const found = await find()
      if (!found) return // gone already, as wanted
      if (!restingStates.includes(found.status))
        throw new FsError('EBUSY', `remove ${name}: the server is at work on it (${found.status})`, {
          nextStep: 'try again when it is done',
        })
      await prearchive.remove(session, signal)
      if (!(await find())) return
      throw otherwise(`remove ${name}: the server says it is deleted, and still lists it`)
    } finally {
      this.#forget(isControlKey)
    }
  }

  async #change(name: string, document: Document, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const change = document.change!
    refuseIf(name, change.refusal(bytes.toString()))
    await control.change(change, bytes, signal)
    if (!document.isValue) return
    const wanted = bytes.toString().trim()
    let now: string | undefined
    const isSet = async (): Promise<boolean> => {
      now = (await control.document(document, signal)).toString().trim()
      return now === wanted
    }
    if (await this.#isSeen(isSet, signal)) return
    throw otherwise(`${name} is set to ${wanted}, but the server says ${now}`)
  }

  /** XNAT keeps any ID, and says 200 whatever becomes of it. */
  async #addFavorite(type: string, id: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    refuseIf(id, bytes.toString().trim() === '' ? undefined : saidByName)
    if ((await control.favorites(type, signal)).includes(id)) return
    await control.addFavorite(type, id, signal)
    if ((await control.favorites(type, signal)).includes(id)) return
    throw otherwise(`${id}: the server says it is done, and does not list it`)
  }

  async #removeFavorite(type: string, id: string, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    if (!(await control.favorites(type, signal)).includes(id)) return // gone already, as wanted
    await control.removeFavorite(type, id, signal)
    if (!(await control.favorites(type, signal)).includes(id)) return
    throw otherwise(`remove ${id}: the server says it is done, and still lists it`)
  }

  /** XNAT sends texts in Latin-1: that it has one, and not what it says, shows that it was set. */
  async #set(place: ControlPlace, name: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    try {
      await this.#change(name, namedDocument(place, name)!, bytes, signal)
    } catch (error) {
      this.#forget((key) => key === settingsKey(place.item.project, place.subject!))
      throw error
    }
    if (await this.#isSet(place, unescapeName(name), signal)) return
    throw otherwise(`set ${name}: the server says it is done, and does not list it`)
  }

  async #removeSetting(place: ControlPlace, label: string, signal?: AbortSignal): Promise<void> {
    if (!(await this.#isSet(place, label, signal))) return // gone already, as wanted
    const { settings } = this.#options.client
    try {
      await settings.disable(place.item.project, place.subject!, settingPathIn(place, label), signal)
    } catch (error) {
      this.#forget((key) => key === settingsKey(place.item.project, place.subject!))
      throw error
    }
    if (!(await this.#isSet(place, label, signal))) return
    throw otherwise(`remove ${label}: the server says it is done, and still lists it`)
  }

  /** By a new list, which is believed from then on. */
  async #isSet(place: ControlPlace, label: string, signal?: AbortSignal): Promise<boolean> {
    const { cache, client } = this.#options
    const { project } = place.item
    const tool = place.subject!
    const ask = (shared: AbortSignal): Promise<string[]> => client.settings.paths(project, tool, shared)
    const { value } = await cache.ask(settingsKey(project, tool), ask, signal)
    return value.includes(settingPathIn(place, label))
  }

  async #addMember(place: ControlPlace, login: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const project = place.item.project!
    const member = { role: place.subject!, login }
    refuseIf(login, bytes.toString().trim() === '' ? undefined : saidByName)
    if (includes(await control.members(project, signal), member)) return
    // Somebody the server does not know might be invited by mail, or passed over in silence.
    const known = await this.#logins(signal)
    refuseIf(login, known && !known.includes(login) ? 'the server knows nobody of this name' : undefined)
    await control.addMember(project, member, signal)
    const isMember = async (): Promise<boolean> => includes(await control.members(project, signal), member)
    if (await this.#isSeen(isMember, signal)) return
    throw new FsError('EINVAL', `${login}: the server says 200, but does not list it in ${member.role}`, {
      nextStep: 'see in a browser whether the name is right and the account active',
    })
  }

  async #removeMember(place: ControlPlace, login: string, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const project = place.item.project!
    const member = { role: place.subject!, login }
    if (!includes(await control.members(project, signal), member)) return // gone already, as wanted
    await control.removeMember(project, member, signal)
    const isNone = async (): Promise<boolean> => !includes(await control.members(project, signal), member)
    if (await this.#isSeen(isNone, signal)) return
    throw otherwise(`remove ${login}: the server says it is done, and still lists it`)
  }

  async #saveSearch(id: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const { change } = savedSearchDocument(id)
    refuseIf(id, change!.refusal(bytes.toString()))
    await control.change(change!, bytes, signal)
    if ((await control.savedSearches(signal)).includes(id)) return
    throw otherwise(`save ${id}: the server says it is done, and does not list it`)
  }

  async #deleteSearch(id: string, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    if (!(await control.savedSearches(signal)).includes(id)) return // gone already, as wanted
    await control.deleteSearch(id, signal)
    if (!(await control.savedSearches(signal)).includes(id)) return
    throw otherwise(`remove ${id}: the server says it is done, and still lists it`)
  }

  /** For all data types that it is for: they share its file. */
  async #removePipeline(project: string, file: string, signal?: AbortSignal): Promise<void> {
    const { control } = this.#options.client
    const find = async (): Promise<Pipeline[]> =>
      (await control.pipelines(project, signal)).filter(({ name }) => `${name}.json` === file)
    for (const pipeline of await find()) {
      // Without one of them XNAT does nothing, and says 200.
      if (pipeline.path === '' || pipeline.datatype === '')
        throw new FsError('ENOTSUP', `remove ${file}: the server does not tell by which path it is known`, {
          nextStep: 'remove it in a browser',
        })
      await control.removePipeline(project, pipeline, signal)
    }
    if ((await find()).length === 0) return
    throw otherwise(`remove ${file}: the server says it is done, and still lists it`)
  }

  async #run(name: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
    const { client, runs } = this.#options
    refuseIf(name, searchRefusal(bytes.toString()))
    runs.keep(name, bytes, await client.control.runSearch(bytes, signal))
  }

  #isSeen(isSo: () => Promise<boolean>, signal?: AbortSignal): Promise<boolean> {
    return comesToLight(isSo, this.#options.overdueMs, signal)
  }

  #projectsOf(item: ItemAddress, signal?: AbortSignal): Promise<ItemProject[]> {
    return this.#options.client.control.projectsOf(item, signal)
  }

  #forget(matches: (key: string) => boolean): void {
    this.#options.cache.forget(matches)
  }

  /** Undefined where this user may not know. */
  async #logins(signal?: AbortSignal): Promise<string[] | undefined> {
    try {
      return await this.#options.client.control.logins(signal)
    } catch (error) {
      if (error instanceof XnatError && error.code === 'forbidden') return undefined
      throw error
    }
  }
}

const saidByName = 'the name says it all; the file has to be empty'

function includes(members: readonly Member[], { role, login }: Member): boolean {
  return members.some((member) => member.role === role && member.login === login)
}

/** @throws FsError EINVAL when there is something against it */
function refuseIf(name: string, refusal: string | undefined): void {
  if (refusal === undefined) return
  throw new FsError('EINVAL', `${name}: ${refusal}`, { nextStep: 'write it anew with what it takes' })
}

/** What the server finds wrong with a text is the writer's mistake, and no failure of the server. */
const refusals: readonly (number | undefined)[] = [400, 406, 412, 415, 417, 422]

function asRefusal(error: unknown, name: string): unknown {
  if (!(error instanceof XnatError) || !refusals.includes(error.status)) return error
  return new FsError('EINVAL', `${name}: the server does not take it: ${error.reason}`, {
    nextStep: 'mend what it says, and write it anew',
    cause: error,
  })
}
