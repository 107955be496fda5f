import { absent, anything } from './lane-model.js'
import type { Content, Expectation } from './lane-model.js'
import { digestOf, seededBytes } from './steps.js'
import type { InitialFile } from './steps.js'

/** What was found of one lane. Paths begin with the name of a root. */
export interface Found {
  readonly stored: ReadonlyMap<string, Content>
  /** What the mount shows that went on with the journal. */
  readonly shown: ReadonlyMap<string, Content>
  /** What stays in the journal and is not shown, by its digest. */
  readonly left: ReadonlySet<Content>
  /** The server has damaged files by itself: their bytes are right where the mount shows them, in the journal. */
  readonly isDamaged: boolean
}

/** @returns what is wrong by the expectation that comes nearest; nothing if one is met */
export function judge(
  expectations: readonly Expectation[],
  found: Found,
  neighbours: readonly InitialFile[],
): readonly string[] {
  const results = expectations.map((expectation) => problemsOf(expectation, found, neighbours))
  return results.reduce((best, other) => (other.length < best.length ? other : best))
}

function problemsOf(expected: Expectation, found: Found, neighbours: readonly InitialFile[]): string[] {
  return [
    ...neighbourProblems(found.stored, neighbours),
    ...storedProblems(expected, found, neighbours),
    ...keptProblems(expected, found),
    ...shownProblems(expected, found, neighbours),
  ]
}

function neighbourProblems(
  stored: ReadonlyMap<string, Content>,
  neighbours: readonly InitialFile[],
): string[] {
  return neighbours
    .filter(({ path, seed, length }) => stored.get(path) !== digestOf(seededBytes(seed, length)))
    .map(({ path }) => `${path}: a file that nobody touched is ${stored.get(path) ?? absent}`)
}

function storedProblems(
  expected: Expectation,
  { stored, shown, left, isDamaged }: Found,
  neighbours: readonly InitialFile[],
): string[] {
  const others = new Set(neighbours.map(({ path }) => path))
  const paths = new Set([...expected.stored.keys(), ...stored.keys()])
  return [...paths]
    .filter((path) => !others.has(path))
    .flatMap((path) => {
      const acceptable = expected.stored.get(path) ?? new Set([absent])
      const content = stored.get(path) ?? absent
      const isHere = acceptable.has(shown.get(path) ?? absent) || [...acceptable].some((one) => left.has(one))
      const isKept = isDamaged && isHere
      return acceptable.has(content) || acceptable.has(anything) || isKept
        ? []
        : [`${path}: the server has ${content}, not ${[...acceptable].join(' or ')}`]
    })
}

function keptProblems({ kept, owed }: Expectation, { stored, shown, left }: Found): string[] {
  const problems: string[] = []
  for (const [path, { found, or }] of kept) {
    const content = shown.get(path) ?? absent
    const elsewhere = or.some((other) => found.has(stored.get(other) ?? absent))
    if (!found.has(content) && !found.has(anything) && !elsewhere)
      problems.push(`${path}: the journal has ${content}, not ${[...found].join(' or ')}`)
  }
  for (const { content, paths } of owed) {
    const isFound = paths.some((path) => stored.get(path) === content || shown.get(path) === content)
    if (!isFound && !left.has(content)) problems.push(`${paths.join(' or ')}: ${content} is nowhere`)
  }
  return problems
}

/** The mount shows what the server has, and besides that temporary names only. */
function shownProblems(
  { kept, stored: expected }: Expectation,
  { stored, shown, isDamaged }: Found,
  neighbours: readonly InitialFile[],
): string[] {
  const problems: string[] = []
  for (const [path, content] of shown) {
    if (kept.has(path) || stored.get(path) === content || isDamaged) continue
    problems.push(`${path}: the mount shows ${content}, the server has ${stored.get(path) ?? absent}`)
  }
  for (const path of [...expected.keys(), ...neighbours.map(({ path }) => path)]) {
    const isHidden = [...kept.values()].some(({ or }) => or.includes(path))
    if (stored.has(path) && !shown.has(path) && !isHidden) problems.push(`${path}: stored, but not shown`)
  }
  return problems
}
