import { StatusError, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import type { RestContext, RestResource } from './resource.js'
import { tableAnswer, type Cell } from './table.js'

const VARIANTS: readonly string[] = [MEDIA.json, MEDIA.html, MEDIA.xml]

/**
 * `/users/favorites/{TYPE}`: UserFavoritesList. It looks for the data type among the parameters and not in the path: without
 * `?DATA_TYPE=` there is no table, hence 404 (xnat-wire.md §11.3).
 */
export function favorites(context: RestContext): RestResource {
  const type = context.query.get('DATA_TYPE')
  return {
    variants: VARIANTS,
    get: (mediaType) => (type === undefined ? undefined : list(context, type, mediaType)),
  }
}

/** `/users/favorites/{TYPE}/{P}`: PUT and DELETE, both with the list as it is then. Whether there is such a thing nobody asks. */
export function favorite(context: RestContext): RestResource {
  const type = context.variable('DATA_TYPE')!
  const id = context.variable('PROJECT_ID')!
  const { services, user } = context
  if (/'/.test(type + id)) throw new StatusError(404)
  const { favorites: all } = services.database
  const isIt = (other: (typeof all)[number]): boolean =>
    other.login === user.login && other.type === type && other.id === id
  const answer = (): Answer => list(context, type, context.overrideVariant(MEDIA.json))
  return {
    variants: VARIANTS,
    put: async () => {
      if (!all.some(isIt)) all.push({ login: user.login, type, id })
      await services.database.commit()
      return answer()
    },
    delete: async () => {
      const at = all.findIndex(isIt)
      if (at >= 0) all.splice(at, 1)
      await services.database.commit()
      return answer()
    },
  }
}

function list(context: RestContext, type: string, mediaType: string): Answer {
  const rows = context.services.database.favorites
    .filter((entry) => entry.login === context.user.login && entry.type === type)
    .map(({ id }): Cell[] => [type, id])
  return tableAnswer(context, { columns: ['datatype', 'id'], rows }, mediaType, { title: 'User Favorites' })
}
