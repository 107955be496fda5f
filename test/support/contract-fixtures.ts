import { expect } from 'vitest'
import type { ContractResponse, ContractServer } from './contract-server.js'

/** Rows and other parts of a table on the wire. */
export interface WireTable {
  readonly rows: readonly Readonly<Record<string, string>>[]
  readonly totalRecords: unknown
  readonly resultSet: Readonly<Record<string, unknown>>
}

/** The answer must be a table in JSON. */
export function tableOf(answer: ContractResponse): WireTable {
  expect(answer.status, answer.text.slice(0, 500)).toBe(200)
  const { ResultSet } = JSON.parse(answer.text) as { ResultSet: Record<string, unknown> }
  expect(ResultSet).toBeTypeOf('object')
  return {
    rows: ResultSet['Result'] as Record<string, string>[],
    totalRecords: ResultSet['totalRecords'],
    resultSet: ResultSet,
  }
}

export async function table(server: ContractServer, path: string): Promise<WireTable> {
  const separator = path.includes('?') ? '&' : '?'
  return tableOf(await server.request('GET', `${path}${separator}format=json`))
}

/** A PUT that must succeed; what it answers, an ID mostly. */
export async function put(server: ContractServer, path: string, body?: string | Buffer): Promise<string> {
  const answer = await server.request('PUT', path, {
    ...(body !== undefined && { body, headers: { 'content-type': 'application/octet-stream' } }),
  })
  expect([200, 201], `PUT ${path}: ${answer.status} ${answer.text.slice(0, 500)}`).toContain(answer.status)
  return answer.text.trim()
}

export interface SessionFixture {
  readonly subjectLabel: string
  readonly subjectId: string
  readonly label: string
  readonly id: string
  /** `/data/projects/…/subjects/…/experiments/…` by IDs. */
  readonly path: string
  readonly subjectPath: string
}

/** A subject with a MR session in the test's project. */
export async function createSession(
  server: ContractServer,
  subjectLabel: string,
  label: string,
): Promise<SessionFixture> {
  const project = `/data/projects/${server.project}`
  const subjectId = lastPart(await put(server, `${project}/subjects/${subjectLabel}`))
  const path = `${project}/subjects/${subjectLabel}/experiments/${label}`
  const id = lastPart(await put(server, `${path}?xsiType=xnat:mrSessionData&date=2020-12-17`))
  const subjectPath = `${project}/subjects/${subjectId}`
  return { subjectLabel, subjectId, label, id, path: `${subjectPath}/experiments/${id}`, subjectPath }
}

/** A scan ID is given as it is to be stored; it travels percent-encoded in the query and in resources routes only. */
export async function createScan(
  server: ContractServer,
  session: SessionFixture,
  id: string,
  type: string,
): Promise<void> {
  await put(server, `${session.path}/scans/${id}?xsiType=xnat:mrScanData&type=${encodeURIComponent(type)}`)
}

/** A resource with files, each of them `{ path: content }`; the resource's number. */
export async function createResource(
  server: ContractServer,
  parent: string,
  label: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  await put(server, `${parent}/resources/${label}?format=DICOM&content=RAW`)
  for (const [path, content] of Object.entries(files)) {
    await put(server, `${parent}/resources/${label}/files/${path}?inbody=true&format=DICOM`, content)
  }
  const { rows } = await table(server, `${parent}/resources`)
  const row = rows.find((candidate) => candidate['label'] === label)
  expect(row, `resource ${label} of ${parent}`).toBeDefined()
  return row!['xnat_abstractresource_id']!
}

function lastPart(text: string): string {
  return text.slice(text.lastIndexOf('/') + 1)
}
