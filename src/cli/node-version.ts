/** As `engines` in package.json has it. */
export const oldestNode = '20.18.1'

/** What a user of an older Node.js is told: npm only warns, and what fails then says something else. */
export function lackOfNode(version: string): string | undefined {
  const [has, needs] = [version, oldestNode].map((text) => text.split('.').map(Number))
  for (const [i, part] of needs!.entries()) {
    const own = has![i] ?? 0
    if (own > part) return undefined
    if (own < part) return `xnatfs: Node.js ${version}: is too old; install ${oldestNode} or newer`
  }
  return undefined
}
