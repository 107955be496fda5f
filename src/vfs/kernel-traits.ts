/** What the driver and the kernel can do. */
export interface KernelTraits {
  /** From which size on open() names the local file of a cached one; default: never. */
  readonly backsFromBytes?: number
  /**
   * A name can have another node than before, though that is still open: what the kernel has of a version, its bytes and
   * its size, is kept away from who has opened another. Default: yes.
   */
  readonly opensApart?: boolean
  /**
   * The kernel opens files for reading without telling, and nothing is written: whatever it knows may be open, so that each
   * version has a node of its own, and goes by the size that it was told when it looked the name up. Default: no.
   */
  readonly opensUntold?: boolean
  /** Resolves when the kernel believes no size of this file that it was told before. */
  readonly settle?: (ino: number) => Promise<void>
}
