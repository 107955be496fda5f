import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './processes.js'

/** The data beside the project, where they exist: real DICOM of three vendors with known digests and conversions. */
const shared = process.env['XNATFS_SHARED'] ?? join(repository, '..', 'shared')
export const sharedData = join(shared, 'data')
/** Answers of real servers, as they were recorded. */
export const recordedAnswers = join(shared, 'recorded', 'rows')
export const manifestPath = join(sharedData, 'dev.manifest.json')
export const hasSharedData = existsSync(manifestPath)

interface ManifestFile {
  readonly name: string
  readonly size: number
  readonly md5: string
}
interface ManifestResource {
  readonly label: string
  readonly files: readonly ManifestFile[]
}
interface Manifest {
  readonly projects: readonly {
    readonly ID: string
    readonly resources: readonly ManifestResource[]
    readonly subjects: readonly {
      readonly label: string
      readonly experiments: readonly {
        readonly label: string
        readonly resources: readonly ManifestResource[]
        readonly scans: readonly {
          readonly ID: string
          readonly type: string
          readonly resources: readonly ManifestResource[]
        }[]
      }[]
    }[]
  }[]
}

export interface ExpectedFile {
  /** From the mountpoint. */
  readonly path: string
  readonly sizeBytes: number
  readonly md5: string
}

/** Every file of the manifest, where the mount shows it. */
export function manifestFiles(): ExpectedFile[] {
  const { projects } = readManifest()
  const filesOf = (directory: string, resources: readonly ManifestResource[]): ExpectedFile[] =>
    resources.flatMap((resource) =>
      resource.files.map(({ name, size, md5 }) => ({
        path: `${directory}/${resource.label}/${name}`,
        sizeBytes: size,
        md5,
      })),
    )
  return projects.flatMap((project) => [
    ...filesOf(`${project.ID}/resources`, project.resources),
    ...project.subjects.flatMap((subject) =>
      subject.experiments.flatMap((experiment) => {
        const session = `${project.ID}/${subject.label}/${experiment.label}`
        return [
          ...filesOf(`${session}/resources`, experiment.resources),
          ...experiment.scans.flatMap((scan) => filesOf(`${session}/scans/${scan.ID}`, scan.resources)),
        ]
      }),
    ),
  ])
}

/** Where the mount shows each session, by its label. */
export function manifestSessions(): Map<string, string> {
  return new Map(
    readManifest().projects.flatMap((project) =>
      project.subjects.flatMap((subject) =>
        subject.experiments.map(({ label }) => [label, `${project.ID}/${subject.label}/${label}`] as const),
      ),
    ),
  )
}

/** What dcm2niix makes of each folder of the data set. */
export interface Conversion {
  /** From the mountpoint. */
  readonly input: string
  /** MD5 by name of output. */
  readonly outputs: Readonly<Record<string, string>>
}

interface ReferenceRuns {
  readonly [name: string]: { readonly outputs: Readonly<Record<string, { readonly md5: string }>> }
}

/** The reference conversions of all scans and of all whole sessions. */
export function referenceConversions(): Conversion[] {
  const text = readFileSync(join(sharedData, 'dev.dcm2niix-reference.json'), 'utf8')
  const { perscan, session } = JSON.parse(text) as { perscan: ReferenceRuns; session: ReferenceRuns }
  const sessions = manifestSessions()
  const digests = (run: ReferenceRuns[string]): Record<string, string> =>
    Object.fromEntries(Object.entries(run.outputs).map(([name, { md5 }]) => [name, md5]))
  return [
    ...Object.entries(perscan).map(([name, run]) => {
      const [label, scan] = name.split('/')
      return { input: `${sessions.get(label!)}/scans/${scan}/DICOM`, outputs: digests(run) }
    }),
    ...Object.entries(session).map(([label, run]) => ({
      input: `${sessions.get(label)}/scans`,
      outputs: digests(run),
    })),
  ]
}

function readManifest(): Manifest {
  return JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest
}
