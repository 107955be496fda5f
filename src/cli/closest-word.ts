/** The word that somebody may have meant: at most two letters are other ones, missing, too many or exchanged. */
export function closestWord(word: string, known: readonly string[]): string | undefined {
  const near = known.map((candidate) => ({ candidate, steps: editSteps(word, candidate) }))
  return near.filter(({ steps }) => steps <= 2).sort((a, b) => a.steps - b.steps)[0]?.candidate
}

/** How many letters are to be changed, put in, taken out or exchanged with their neighbour to make one word of another. */
function editSteps(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1]
      let steps = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1])
        steps = Math.min(steps, rows[i - 2]![j - 2]! + 1)
      row.push(steps)
    }
    rows.push(row)
  }
  return rows.at(-1)!.at(-1)!
}
