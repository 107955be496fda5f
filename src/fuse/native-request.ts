/** A request; its numbers stand in the shared memory only until the next batch. */
export interface Request {
  readonly token: number
  readonly ino: number
  readonly handle: number
  /** Where its further numbers begin. */
  readonly values: number
  readonly name: string
  readonly secondName: string
}

export type Handler = (request: Request) => void
