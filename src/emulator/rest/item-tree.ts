import { join } from 'node:path'
import { canReadItem, canReadScan } from '../store/access.js'
import type {
  Experiment,
  Fields,
  FieldValue,
  Meta,
  Project,
  Reconstruction,
  Resource,
  Scan,
  Share,
  Subject,
} from '../store/model.js'
import { isImageAssessor, isImageSession } from '../store/xsi-types.js'
import { protocolNodes } from './protocols.js'
import type { RestContext } from './resource.js'

/** An item with what hangs on it, as both its JSON and its XML are written from it. */
export interface ItemNode {
  readonly xsiType: string
  readonly fields: Fields
  readonly meta: Meta | undefined
  readonly children: readonly ItemChildren[]
  /** Database keys that the XML hides in a comment. */
  readonly hidden?: Fields | undefined
}

export interface ItemChildren {
  /** `scans/scan`, `file` … */
  readonly field: string
  readonly items: readonly ItemNode[]
}

const DEMOGRAPHICS = new Set([
  'dob',
  'yob',
  'age',
  'gender',
  'handedness',
  'ses',
  'education',
  'educationDesc',
  'race',
  'ethnicity',
  'weight',
  'height',
  'gestational_age',
  'post_menstrual_age',
  'birth_weight',
])

function node(
  xsiType: string,
  fields: Record<string, string | number | boolean | null | undefined>,
  meta: Meta | undefined,
  children: readonly ItemChildren[] = [],
): ItemNode {
  const present: Fields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined && value !== '') present[name] = value
  }
  return {
    xsiType,
    fields: present,
    meta,
    children: children.filter(({ items }) => items.length > 0),
  }
}

/** Fields below a name that are an item of their own. */
function person(fields: Fields, field: string): { own: Fields; children: ItemChildren } {
  const prefix = `${field}/`
  const [below, own] = [true, false].map((isBelow) =>
    Object.entries(fields).filter(([name]) => name.startsWith(prefix) === isBelow),
  ) as [[string, FieldValue][], [string, FieldValue][]]
  const values = Object.fromEntries(below.map(([name, value]) => [name.slice(prefix.length), value]))
  const items = below.length === 0 ? [] : [node('xnat:investigatorData', values, undefined)]
  return { own: Object.fromEntries(own), children: { field, items } }
}

export function projectNode(context: RestContext, project: Project): ItemNode {
  const { id, secondaryId, name, description, aliases, fields } = project
  const { own, children } = person(fields, 'PI')
  return node(
    'xnat:projectData',
    { ID: id, secondary_ID: secondaryId, name, description, ...own },
    project.meta,
    [
      {
        field: 'aliases/alias',
        items: aliases.map((alias) => node('xnat:projectData_alias', { alias }, undefined)),
      },
      { field: 'resources/resource', items: resourceNodes(context, project.resources) },
      { field: 'studyProtocol', items: protocolNodes(context, project) },
      children,
    ],
  )
}

export function subjectNode(context: RestContext, subject: Subject, withExperiments = true): ItemNode {
  const investigator = person(subject.fields, 'investigator')
  const entries = Object.entries(investigator.own)
  const own = Object.fromEntries(entries.filter(([name]) => !DEMOGRAPHICS.has(name)))
  const demographics = Object.fromEntries(entries.filter(([name]) => DEMOGRAPHICS.has(name)))
  const experiments = withExperiments
    ? [...context.services.database.experiments()].filter((experiment) => experiment.subjectId === subject.id)
    : []
  const readable = experiments.filter((item) => canReadItem(context.services.database, item, context.user))
  return node(
    'xnat:subjectData',
    { ID: subject.id, project: subject.project, label: subject.label, ...own },
    subject.meta,
    [
      {
        field: 'demographics',
        items:
          Object.keys(demographics).length > 0
            ? [node('xnat:demographicData', demographics, subject.meta)]
            : [],
      },
      { field: 'experiments/experiment', items: readable.map((item) => experimentNode(context, item)) },
      { field: 'sharing/share', items: shareNodes(subject.shares) },
      { field: 'resources/resource', items: resourceNodes(context, subject.resources) },
      investigator.children,
    ],
  )
}

export function experimentNode(context: RestContext, experiment: Experiment): ItemNode {
  const { id, project, label, xsiType, subjectId, sessionId } = experiment
  const { own, children } = person(experiment.fields, 'investigator')
  const basic = {
    ID: id,
    id,
    project,
    label,
    subject_ID: subjectId,
    imageSession_ID: sessionId,
    ...own,
  }
  return node(xsiType, basic, experiment.meta, [
    ...(isImageSession(xsiType) ? sessionChildren(context, experiment) : []),
    { field: 'in/file', items: resourceNodes(context, experiment.inResources) },
    { field: 'out/file', items: resourceNodes(context, experiment.outResources) },
    { field: 'resources/resource', items: resourceNodes(context, experiment.resources) },
    { field: 'sharing/share', items: shareNodes(experiment.shares) },
    children,
  ])
}

function sessionChildren(context: RestContext, session: Experiment): ItemChildren[] {
  const { database } = context.services
  const scans = session.scans.filter((scan) => canReadScan(database, session, scan, context.user))
  const assessors = [...database.experiments()].filter(
    (item) =>
      item.sessionId === session.id &&
      isImageAssessor(item.xsiType) &&
      canReadItem(database, item, context.user),
  )
  return [
    { field: 'scans/scan', items: scans.map((scan) => scanNode(context, session, scan)) },
    {
      field: 'reconstructions/reconstructedImage',
      items: session.reconstructions.map((item) => reconstructionNode(context, session, item)),
    },
    { field: 'assessors/assessor', items: assessors.map((item) => experimentNode(context, item)) },
  ]
}

export function scanNode(context: RestContext, session: Experiment, scan: Scan): ItemNode {
  const key = { xnat_imagescandata_id: scan.pk }
  const fields = {
    ID: scan.id,
    type: scan.type,
    project: session.project,
    image_session_ID: session.id,
    ...scan.fields,
    ...key,
  }
  const children = [
    { field: 'file', items: resourceNodes(context, scan.resources) },
    { field: 'sharing/share', items: shareNodes(scan.shares) },
  ]
  return { ...node(scan.xsiType, fields, scan.meta, children), hidden: key }
}

export function reconstructionNode(
  context: RestContext,
  session: Experiment,
  reconstruction: Reconstruction,
): ItemNode {
  const key = { xnat_reconstructedimagedata_id: reconstruction.pk }
  const { id, type, fields } = reconstruction
  const children = [
    { field: 'in/file', items: resourceNodes(context, reconstruction.inResources) },
    { field: 'out/file', items: resourceNodes(context, reconstruction.outResources) },
  ]
  const all = { ID: id, type, image_session_ID: session.id, ...fields, ...key }
  return { ...node('xnat:reconstructedImageData', all, reconstruction.meta, children), hidden: key }
}

function resourceNodes(context: RestContext, resources: readonly Resource[]): ItemNode[] {
  return resources.map((resource) => {
    const key = { xnat_abstractresource_id: resource.id }
    const fields = {
      label: resource.label,
      URI: join(context.services.archiveRoot, resource.uri),
      format: resource.format,
      content: resource.content,
      description: resource.description,
      file_count: resource.fileCount,
      file_size: resource.fileSize,
      ...key,
    }
    return { ...node('xnat:resourceCatalog', fields, resource.meta), hidden: key }
  })
}

function shareNodes(shares: readonly Share[]): ItemNode[] {
  return shares.map(({ project, label }) => node('xnat:experimentData_share', { project, label }, undefined))
}
