import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { repository } from '../support/processes.js'

/** What a next step begins with: something to do, or what happens without. */
const instructions = new Set(
  `add ask build change check choose close convert copy do end export free give have install it keep leave link log look
  make mend mount name open pipe please put raise read remove rename run say see set share start take tell there they
  try type use wait write`.split(/\s+/),
)
/** «if it is right, --ca-file names …», «`xnatfs mounts` shows …», «it is tried again», «XNAT 1.7 or newer is known …». */
const alsoGood = /^(if |until |`|it is |the next |an owner |nothing can be done|XNAT 1\.7)/

/** Log lines of which nobody has to do anything, or that say what to do in what they pass on. */
const withoutNextStep: readonly RegExp[] = [
  /^<.*>$/, // a whole message from elsewhere, which is looked at there
  /^<what>: <causeChain\(error\)>$/, // a task in the background, whose own words follow
  /^cannot (end|hang up): <causeChain\(error\)>$/,
  /<nextStep\w*>|<advice>|<next>$/,
]

interface Piece {
  readonly where: string
  readonly text: string
}

/** Each message of the program, from its source: nobody writes one without the thing, the reason and the next step. */
describe('the messages in the source', () => {
  const sources: ts.SourceFile[] = []
  beforeAll(async () => {
    const names = await readdir(join(repository, 'src'), { recursive: true })
    for (const name of names.filter((path) => path.endsWith('.ts') && !path.startsWith('emulator/'))) {
      const path = join(repository, 'src', name)
      const text = readFileSync(path, 'utf8')
      sources.push(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
    }
  })
  const each = (visit: (node: ts.Node, where: string) => void): void => {
    for (const source of sources) {
      const walk = (node: ts.Node): void => {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart())
        visit(node, `${relative(repository, source.fileName)}:${line + 1}`)
        ts.forEachChild(node, walk)
      }
      walk(source)
    }
  }
  /** What is given to a name, by a property, a variable or a default. */
  const valuesOf = (names: readonly string[]): Piece[] => {
    const found: Piece[] = []
    each((node, where) => {
      if (
        (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node) || ts.isBindingElement(node)) &&
        names.includes(node.name.getText()) &&
        node.initializer
      )
        found.push(...textsOf(node.initializer).map((text) => ({ where, text })))
    })
    return found
  }
  const calls = (pattern: RegExp): { where: string; parameters: readonly ts.Expression[] }[] => {
    const found: { where: string; parameters: readonly ts.Expression[] }[] = []
    each((node, where) => {
      if (
        (ts.isCallExpression(node) || ts.isNewExpression(node)) &&
        pattern.test(node.expression.getText().replace(/\s+/g, ''))
      )
        found.push({ where, parameters: node.arguments ?? [] })
    })
    return found
  }
  const isInstruction = ({ text }: Piece): boolean =>
    alsoGood.test(text) || instructions.has(/^\w+/.exec(text)?.[0] ?? '')

  it('have next steps that are something to do', () => {
    const steps = valuesOf(['nextStep', 'remedy', 'advice'])
    const remedies = calls(/^(fail|warn|unavailable)$/).flatMap(({ where, parameters }) =>
      textsOf(parameters.at(-1)!).map((text) => ({ where, text })),
    )
    expect(steps.length).toBeGreaterThan(150)
    expect(remedies.length).toBeGreaterThan(20)
    expect([...steps, ...remedies].filter((step) => !isInstruction(step))).toEqual([])
  })

  it('have reasons that hold no next step, and things that are named', () => {
    const reasons = valuesOf(['reason'])
    expect(reasons.length).toBeGreaterThan(80)
    expect(reasons.filter(({ text }) => text.includes('; ') || text.trim() === '')).toEqual([])
    expect(valuesOf(['thing']).filter(({ text }) => text.trim() === '')).toEqual([])
  })

  it('are of errors that a user is told of in three parts: no command throws another one', () => {
    expect(calls(/^CliError$/).length).toBeGreaterThan(60)
    const others = calls(/^(Error|TypeError|RangeError)$/).filter(({ where }) => where.startsWith('src/cli/'))
    expect(others.map(({ where }) => where.replace(/:\d+$/, '')).toSorted()).toEqual([
      'src/cli/control.ts', // the connection to a mount, for whoever listens
      'src/cli/control.ts',
      'src/cli/doctor/local-checks.ts', // a finding, with its remedy
      'src/cli/mount-cache.ts', // a line of the log, which goes on with what is done instead
      'src/cli/mount-cache.ts',
      'src/cli/mount.ts', // the reason of a signal
      'src/cli/secret-environment.ts', // caught where it is thrown
    ])
  })

  it('of file systems name what to do wherever a program does not expect the answer', () => {
    const errors = calls(/^FsError$/)
    expect(errors.length).toBeGreaterThan(90)
    const reasons = errors.flatMap(({ where, parameters }) =>
      textsOf(parameters[1]!).map((text) => ({ where, text })),
    )
    expect(reasons.filter(({ text }) => text.includes('; '))).toEqual([])
  })

  it('in the log say what to do, or what is done', () => {
    const lines = calls(/(^|\.)#?log\.(warn|error)$/).flatMap(({ where, parameters }) =>
      textsOf(parameters[0]!).map((text) => ({ where, text })),
    )
    expect(lines.length).toBeGreaterThan(25)
    expect(
      lines.filter(({ text }) => !text.includes('; ') && !withoutNextStep.some((good) => good.test(text))),
    ).toEqual([])
  })
})

/** The texts that an expression may be, with `<expression>` in the place of what is filled in. */
function textsOf(expression: ts.Expression): string[] {
  if (ts.isStringLiteral(expression) || ts.isNoSubstitutionTemplateLiteral(expression))
    return [expression.text]
  if (ts.isConditionalExpression(expression))
    return [...textsOf(expression.whenTrue), ...textsOf(expression.whenFalse)]
  if (ts.isBinaryExpression(expression) && expression.operatorToken.getText() === '??')
    return textsOf(expression.right)
  if (!ts.isTemplateExpression(expression)) return []
  const filled = expression.templateSpans.map(
    ({ expression: hole, literal }) => `<${hole.getText()}>${literal.text}`,
  )
  return [`${expression.head.text}${filled.join('')}`]
}
