import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { md5 } from './byte-source.js'

/** A resource of files with random bytes, all of one size. */
export interface GeneratedResource {
  readonly label: string
  readonly format?: string
  readonly files: readonly string[]
  readonly sizeBytes: number
}

export interface GeneratedSession {
  readonly label: string
  readonly resources?: readonly GeneratedResource[]
  /** Resources of each scan, by its ID. */
  readonly scans: Readonly<Record<string, readonly GeneratedResource[]>>
}

export interface GeneratedArchive {
  /** For `xnatfs serve --data`. */
  readonly manifest: string
  /** Digests by path from the mountpoint. */
  readonly digests: ReadonlyMap<string, string>
  remove(): Promise<void>
}

export function numbered(count: number, suffix: string): string[] {
  return Array.from({ length: count }, (_, i) => `${String(i + 1).padStart(4, '0')}${suffix}`)
}

/**
 * Writes data for an embedded XNAT: sessions of one subject, `GEN/S1`.
 * @param bareSubjects labels of subjects without anything, in the project `BARE`
 */
export async function generateArchive(
  sessions: readonly GeneratedSession[],
  bareSubjects: readonly string[] = [],
): Promise<GeneratedArchive> {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-generated-'))
  const digests = new Map<string, string>()
  const writeResources = async (
    path: string,
    resources: readonly GeneratedResource[] = [],
  ): Promise<object[]> => {
    const described: object[] = []
    for (const { label, format, files, sizeBytes } of resources) {
      const entries: object[] = []
      for (const name of files) {
        const local = `${path}/${label}/${name}`
        const bytes = randomBytes(sizeBytes, digests.size)
        await mkdir(dirname(join(folder, local)), { recursive: true })
        await writeFile(join(folder, local), bytes)
        digests.set(local, md5(bytes))
        entries.push({ name, local, size: sizeBytes, md5: digests.get(local) })
      }
      described.push({ label, ...(format !== undefined && { format }), files: entries })
    }
    return described
  }
  const experiments: object[] = []
  for (const { label, resources, scans } of sessions) {
    const path = `GEN/S1/${label}`
    const scanList: object[] = []
    for (const [id, ofScan] of Object.entries(scans)) {
      const scanResources = await writeResources(`${path}/scans/${id}`, ofScan)
      scanList.push({ ID: id, xsiType: 'xnat:mrScanData', type: `T${id}`, resources: scanResources })
    }
    experiments.push({
      label,
      xsiType: 'xnat:mrSessionData',
      resources: await writeResources(`${path}/resources`, resources),
      scans: scanList,
    })
  }
  const manifest = join(folder, 'manifest.json')
  const bare = bareSubjects.map((label) => ({ label, resources: [], experiments: [] }))
  const projects = [
    { ID: 'GEN', resources: [], subjects: [{ label: 'S1', resources: [], experiments }] },
    ...(bare.length > 0 ? [{ ID: 'BARE', resources: [], subjects: bare }] : []),
  ]
  await writeFile(manifest, JSON.stringify({ projects }))
  return { manifest, digests, remove: () => rm(folder, { recursive: true }) }
}

/** The same bytes for the same seed, and nothing that packing would make smaller. */
function randomBytes(sizeBytes: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4))
  let state = (seed + 1) * 0x9e3779b1
  for (let i = 0; i < words.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 + i
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, sizeBytes)
}
