import type { Command } from 'commander'
import { placeInConfig } from './apply-config.js'
import { configPath } from './config-file.js'
import { exitCodes } from './exit.js'
import type { ExitCode } from './exit.js'
import { configKeys } from './options.js'

interface Shown {
  readonly key: string
  readonly value: string | number | boolean | null
  /** A flag, a variable of the environment, a place in the file, or the default. */
  readonly from: string
}

/** `xnatfs config show`: what `xnatfs mount` with these flags would go by, and where each value is from. */
export function configShowCommand(command: Command): ExitCode {
  const keys = configKeys()
  const shown = command.options.flatMap((option): Shown[] => {
    const key = (option.long ?? '').replace(/^--(no-)?/, '')
    if (!keys.includes(key)) return []
    const name = option.attributeName()
    const value = command.getOptionValue(name) as Shown['value'] | undefined
    const source = value === undefined ? undefined : command.getOptionValueSource(name)
    const from =
      source === 'cli'
        ? option.long!
        : source === 'env'
          ? option.envVar!
          : (placeInConfig(command, name) ?? 'default')
    return [{ key, value: value ?? null, from }]
  })
  if (command.getOptionValue('json')) {
    process.stdout.write(`${JSON.stringify({ file: configPath(), options: shown }, undefined, 2)}\n`)
    return exitCodes.success
  }
  const width = Math.max(...shown.map(({ key }) => key.length)) + 2
  const lines = shown.map(({ key, value, from }) => {
    const text = value === null ? '-' : String(value)
    return `${key.padEnd(width)}${text.padEnd(24)} ${from}`
  })
  process.stdout.write(`${[`configuration file: ${configPath()}`, ...lines].join('\n')}\n`)
  return exitCodes.success
}
