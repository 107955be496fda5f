import { escapeXml } from '../http/text.js'
import { allFields, type SchemaField } from '../store/schema-fields.js'
import { rootElement } from '../store/xsi-types.js'
import type { ItemNode } from './item-tree.js'

/** Fields that XNAT's schema makes attributes; everything else is an element. */
const ATTRIBUTES = new Set([
  'ID',
  'UID',
  'URI',
  'baseScanType',
  'content',
  'file_count',
  'file_size',
  'format',
  'group',
  'label',
  'modality',
  'project',
  'scanner/manufacturer',
  'scanner/model',
  'secondary_ID',
  'session_type',
  'src',
  'type',
  'visit',
  'parameters/fov/x',
  'parameters/fov/y',
  'parameters/matrix/x',
  'parameters/matrix/y',
  'parameters/voxelRes/x',
  'parameters/voxelRes/y',
  'parameters/voxelRes/z',
  'parameters/voxelRes/units',
])

export const NAMESPACES: Readonly<Record<string, string>> = {
  arc: 'http://nrg.wustl.edu/arc',
  cat: 'http://nrg.wustl.edu/catalog',
  icr: 'http://icr.ac.uk/icr',
  pipe: 'http://nrg.wustl.edu/pipe',
  proc: 'http://nrg.wustl.edu/proc',
  prov: 'http://www.nbirn.net/prov',
  scr: 'http://nrg.wustl.edu/scr',
  val: 'http://nrg.wustl.edu/val',
  wrk: 'http://nrg.wustl.edu/workflow',
  xdat: 'http://nrg.wustl.edu/security',
  xnat: 'http://nrg.wustl.edu/xnat',
  xnat_a: 'http://nrg.wustl.edu/xnat_assessments',
  xsi: 'http://www.w3.org/2001/XMLSchema-instance',
}

/** One element under construction. */
class Element {
  readonly attributes: [string, string][] = []
  readonly children = new Map<string, Element>()
  text = ''

  child(name: string): Element {
    let child = this.children.get(name)
    if (!child) this.children.set(name, (child = new Element()))
    return child
  }

  /** @param others what else is in it, by name */
  write(name: string, fields: readonly SchemaField[], others: readonly Part[] = [], comment = ''): string {
    const attributes = this.attributes.map(([key, value]) => ` ${key}="${escapeXml(value)}"`).join('')
    const own = [...this.children].map(([child, element]): Part => {
      const known = fields.find((field) => `xnat:${field.name}` === child)
      return [child, element.write(child, known?.fields ?? [])]
    })
    const place = new Map(fields.map((field, index) => [`xnat:${field.name}`, index]))
    const at = ([child]: Part): number => place.get(child) ?? fields.length
    const inner = [...own, ...others].toSorted((a, b) => at(a) - at(b)).map(([, text]) => text)
    const content = escapeXml(this.text) + comment + inner.join('')
    return content === '' ? `<${name}${attributes}/>\n` : `<${name}${attributes}>${content}</${name}>\n`
  }
}

/** An element by its name, and as it is written. */
type Part = readonly [name: string, text: string]

/** Keys that are written in another form, or not at all. */
const OMITTED = new Set([
  'id',
  'xnat_abstractresource_id',
  'xnat_imagescandata_id',
  'xnat_reconstructedimagedata_id',
])

/** Children whose type the schema says. */
const UNTYPED = new Set(['sharing/share', 'aliases/alias', 'PI', 'investigator'])

/** Whose fields are all attributes. */
const FLAT = new Set(['xnat:resourceCatalog', 'xnat:datatypeProtocol'])

function elementOf(item: ItemNode, typed: boolean): Element {
  const element = new Element()
  for (const [path, value] of Object.entries(item.fields)) {
    if (OMITTED.has(path)) continue
    const isResource = FLAT.has(item.xsiType)
    const parts = path.split('/')
    const attribute = isResource || ATTRIBUTES.has(path)
    const names = attribute ? parts.slice(0, -1) : parts
    let target = element
    for (const name of names) target = target.child(`xnat:${name}`)
    if (attribute) target.attributes.push([parts.at(-1)!, String(value)])
    else target.text = String(value)
  }
  const alias = element.children.get('xnat:alias')
  if (alias) {
    element.children.delete('xnat:alias')
    element.text = alias.text
  }
  if (typed) element.attributes.push(['xsi:type', item.xsiType])
  return element
}

function hiddenComment(item: ItemNode): string {
  const pairs = Object.entries(item.hidden ?? {}).map(([name, value]) => `${name}="${value}"`)
  return pairs.length > 0 ? `<!--hidden_fields[${pairs.join(',')}]-->` : ''
}

function written(item: ItemNode, name: string, element: Element): string {
  return element.write(name, allFields(item.xsiType), childParts(item), hiddenComment(item))
}

function childParts(item: ItemNode): Part[] {
  return item.children.map(({ field, items }) => {
    const [wrapper, inner] = field.split('/')
    const name = `xnat:${inner ?? wrapper}`
    const list = items.map((child) => written(child, name, elementOf(child, !UNTYPED.has(field)))).join('')
    const text = inner === undefined ? list : `<xnat:${wrapper}>\n${list}</xnat:${wrapper}>\n`
    return [`xnat:${wrapper}`, text]
  })
}

/** An item's document, with the schema location XNAT puts in and the hidden fields in comments. */
export function itemXml(item: ItemNode, baseUrl: string): string {
  const root = elementOf(item, false)
  for (const [prefix, uri] of Object.entries(NAMESPACES)) root.attributes.push([`xmlns:${prefix}`, uri])
  root.attributes.push([
    'xsi:schemaLocation',
    `http://nrg.wustl.edu/xnat ${baseUrl}/schemas/xnat/xnat.xsd http://nrg.wustl.edu/catalog ${baseUrl}/schemas/catalog/catalog.xsd`,
  ])
  const text = written(item, rootElement(item.xsiType), root)
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}`
}
