import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { repository } from '../support/processes.js'

/** The worker as plain JavaScript, over the built program: it has to start quickly, and often. */
export interface CompiledWorker {
  readonly path: string
  remove(): Promise<void>
}

export async function compileWorker(): Promise<CompiledWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'xnatfs-crash-worker-'))
  await cp(join(repository, 'dist'), join(folder, 'src'), { recursive: true })
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
  await cp(join(repository, 'package.json'), join(folder, 'package.json'))
  for (const part of ['test/crash', 'test/support']) {
    await mkdir(join(folder, part), { recursive: true })
    for (const name of await readdir(join(repository, part))) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
      const text = await readFile(join(repository, part, name), 'utf8')
      const { outputText } = ts.transpileModule(text, {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
        },
      })
      await writeFile(join(folder, part, name.replace(/\.ts$/, '.js')), outputText)
    }
  }
  return {
    path: join(folder, 'test', 'crash', 'worker.js'),
    remove: () => rm(folder, { recursive: true }),
  }
}
