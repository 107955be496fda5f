/** One tool: a command that is run in a local folder and in a mount, from the same files, and must leave the same. */
export interface ToolRow {
  readonly name: string
  /**
   * Makes the files that are there before, in a folder with the sub-folders R and S. They become two resources: R, where
   * the command runs, and S. `$IN` is the folder of inputs.
   */
  readonly given?: string
  /** What it prints, on both channels, must be the same on both sides too. `$S` is the other resource. */
  readonly run: string
  /** Files of which the server may see another number of PUTs than the rule says; the first that fits a name counts. */
  readonly stores?: readonly Stores[]
  /** Files that are there before and afterwards, and that the command itself removes in between. */
  readonly removes?: readonly string[]
}

export interface Stores {
  /** Of a path such as `R/a.txt`. */
  readonly file: RegExp
  /** How many its close() and fsync() ask for in mode `close`. */
  readonly most: number
  /** How many its fsync() asks for in mode `back`; absent: as the rule says. */
  readonly mostInBack?: number
}
