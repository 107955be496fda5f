import { request } from 'undici'
import type { RunningEmulator } from '../../src/emulator/emulator.js'

/** A REST call to an emulator in this process, by the user who may edit. */
export async function rest(
  { url, user, password }: Pick<RunningEmulator, 'url' | 'user' | 'password'>,
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  body?: string | Buffer,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const response = await request(`${url}${path}`, {
    method,
    headers: { authorization, ...(body && { 'content-type': 'application/octet-stream' }) },
    ...(body !== undefined && { body }),
  })
  return { status: response.statusCode, body: Buffer.from(await response.body.arrayBuffer()) }
}

/** A PUT that prepares a test: anything but success is an error. */
export async function put(
  emulator: Pick<RunningEmulator, 'url' | 'user' | 'password'>,
  path: string,
  body?: string | Buffer,
): Promise<void> {
  const { status } = await rest(emulator, 'PUT', path, body)
  if (status !== 200 && status !== 201) throw new Error(`PUT ${path} was answered with ${status}`)
}

/** A GET that is to be answered with 200. @returns the body */
export async function bodyOf(
  emulator: Pick<RunningEmulator, 'url' | 'user' | 'password'>,
  path: string,
): Promise<Buffer> {
  const { status, body } = await rest(emulator, 'GET', path)
  if (status !== 200) throw new Error(`GET ${path} was answered with ${status}`)
  return body
}
