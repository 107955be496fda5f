import { writeFile } from 'node:fs/promises'

/**
 * The kernel reads 128 KiB ahead, which is one request under way at a time; with 1 MiB it has eight. Only root may
 * say so.
 */
export async function raiseReadAhead(device: string): Promise<void> {
  await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, '1024').catch(() => {})
}
