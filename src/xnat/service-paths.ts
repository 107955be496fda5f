import { itemPath, rawSegment } from './address.js'

/** Where the server is told to do something by itself (xnat-wire.md §11.4). */

/** One `key=value` of a question, as it is meant. */
export type Parameter = readonly [key: string, value: string]

/** @param service as `prearchive/move` */
export function servicePath(service: string): string {
  return `/data/services/${service}`
}

/** Of a step of a pipeline, for an experiment. */
export function launchPath(project: string, step: string, experiment: string): string {
  const path = `${itemPath({ project })}/pipelines/${rawSegment(step)}`
  return `${path}/experiments/${encodeURIComponent(experiment)}`
}

export function withParameters(path: string, parameters: readonly Parameter[]): string {
  const question = parameters.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&')
  return question === '' ? path : `${path}?${question}`
}
