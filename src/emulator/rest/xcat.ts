import { outputAnswer, type Answer } from '../http/answer.js'
import { MEDIA } from '../http/media.js'
import { writeCatalogXml } from '../store/catalog-xml.js'
import { EMPTY_CATALOG } from '../store/catalog.js'
import { relativeTo, replaceResourceLabel, sessionTokens, typedNames } from './archive-names.js'
import { contentDisposition } from './archive-stream.js'
import type { FilesRequest } from './files-request.js'
import type { Table } from './table.js'

/** `?format=xcat`: the files of a table as a catalog with absolute URLs (§4). */
export function xcatAnswer(request: FilesRequest, table: Table): Answer {
  const { context, selection } = request
  const tokens = sessionTokens(context, selection)
  const typed = typedNames(selection)
  const column = (name: string): number => table.columns.indexOf(name)
  const entries = table.rows.map((row) => {
    const uri = String(row[column('URI')])
    const label = row[column('collection')]
    let path = replaceResourceLabel(
      relativeTo(uri, tokens),
      Number(row[column('cat_ID')]),
      label == null ? null : String(label),
    )
    for (const [id, readable] of typed) path = path.replaceAll(`/${id}/`, `/${readable}/`)
    return {
      uri: context.exchange.baseUrl + uri,
      cachePath: path,
      metaFields: [
        { name: 'RELATIVE_PATH', value: path },
        { name: 'SIZE', value: String(row[column('Size')]) },
      ],
      tags: [],
    }
  })
  return {
    ...outputAnswer(writeCatalogXml({ ...EMPTY_CATALOG, entries }), MEDIA.xcat),
    headers: { 'Content-Disposition': contentDisposition('files.xcat', false) },
  }
}
