import { Command, Option } from 'commander'
import { driverNames } from '../fuse/driver.js'
import { CliError, exitCodes } from './exit.js'
import { logLevels, writeModes } from './flags.js'
import type { MountFlags } from './flags.js'
import {
  WrongValue,
  byteSize,
  idNumber,
  nonNegativeNumber,
  octalMask,
  pathOf,
  portNumber,
  positiveNumber,
} from './option-parsers.js'

/** One option of the program: everything said about it is said here. */
interface OptionRow {
  readonly flags: string
  /** Read where the flag is not given. */
  readonly env?: string
  readonly default?: string | number | boolean
  /** How the default is written, where not as it is kept. */
  readonly defaultText?: string
  readonly choices?: readonly string[]
  readonly parse?: (text: string) => unknown
  readonly help: string
  /** The heading in the help that it stands below. */
  readonly group?: string
}

function grouped(group: string, rows: readonly OptionRow[]): readonly OptionRow[] {
  return rows.map((row) => ({ ...row, group }))
}

/** How the server is reached, wherever a command talks to it. */
const profileOption: OptionRow = {
  flags: '--profile <name>',
  help: 'take options from [profile.NAME] of the configuration file',
}

const connectionOptions: readonly OptionRow[] = [
  profileOption,
  { flags: '--ca-file <path>', parse: pathOf, help: 'certificates (PEM) to trust besides the usual ones' },
  { flags: '--insecure', help: 'do not check who the server is: anybody on the way can read the password' },
]

const passwordStdinOption: OptionRow = {
  flags: '--password-stdin',
  help: 'read the password from the first line of the standard input',
}

const loginOptions: readonly OptionRow[] = [
  { flags: '--user <name>', help: 'user name (default: XNAT_USER, or asked for)' },
  passwordStdinOption,
  ...connectionOptions,
]

const logoutOptions: readonly OptionRow[] = [
  { flags: '--user <name>', help: 'the log-in of this user (default: all of them at that server)' },
  { flags: '--all', help: 'the log-ins at all servers' },
  ...connectionOptions,
]

/** Who asks, and how. */
const accessOptions: readonly OptionRow[] = [
  { flags: '--user <name>', env: 'XNAT_USER', help: 'user name, or alias of an alias token' },
  { flags: '--guest', help: 'do not log in, whatever passwords there are' },
  passwordStdinOption,
  ...connectionOptions,
]

const mountOptions: readonly OptionRow[] = [
  ...grouped('Server and log-in:', [
    { flags: '--url <url>', env: 'XNAT_HOST', help: 'the XNAT server, such as https://xnat.example.org' },
    ...accessOptions,
  ]),
  ...grouped('What may be changed:', [
    { flags: '--read-only', help: 'refuse every change' },
    { flags: '--allow-raw-writes', help: 'let raw scan data (DICOM) be changed and deleted' },
    {
      flags: '--allow-create <what>',
      choices: ['entities'],
      help: 'entities: let mkdir make projects, subjects, experiments, and scans, reconstructions and assessors in them',
    },
    {
      flags: '--session-type <xsiType>',
      default: 'xnat:mrSessionData',
      help: 'the data type of experiments that mkdir makes; their scans are of the type that goes with it',
    },
    {
      flags: '--assessor-type <xsiType>',
      default: 'xnat:qcManualAssessorData',
      help: 'the data type of assessors that mkdir makes',
    },
    {
      flags: '--allow-delete <what>',
      choices: ['entities'],
      help: 'entities: let rmdir remove subjects, experiments and what is in them, where it is empty, what waits in the prearchive, and pipelines of projects',
    },
    {
      flags: '--allow-rename <what>',
      choices: ['entities'],
      help: 'entities: let mv change the labels of subjects and experiments',
    },
  ]),
  ...grouped('When what is written is sent:', [
    {
      flags: '--write-mode <mode>',
      default: 'close',
      choices: writeModes,
      help: 'close: a file is on the server when its close() returns; back: it is safe here then, and sent by and by',
    },
    {
      flags: '--write-back-delay <seconds>',
      default: 2,
      parse: nonNegativeNumber,
      help: 'with --write-mode back: a file is sent when nobody has changed it for so long',
    },
    {
      flags: '--stop-timeout <seconds>',
      default: 20,
      parse: nonNegativeNumber,
      help: 'how long SIGTERM lets files be sent and waits for who uses the mount; then it ends, and the next mount sends the rest',
    },
  ]),
  ...grouped('Who sees it, and whose it is:', [
    { flags: '--allow-other', help: 'let other users of this machine use the mount' },
    { flags: '--uid <n>', parse: idNumber, help: 'who owns everything in the mount (default: you)' },
    { flags: '--gid <n>', parse: idNumber, help: 'which group owns it (default: yours)' },
    {
      flags: '--umask <octal>',
      parse: octalMask,
      default: 0o022,
      defaultText: '022',
      help: 'which rights nobody gets by default',
    },
  ]),
  ...grouped('What is kept, and for how long:', [
    {
      flags: '--listing-ttl <seconds>',
      default: 60,
      parse: nonNegativeNumber,
      help: 'how long a listing of the server is believed',
    },
    {
      flags: '--cache-dir <path>',
      parse: pathOf,
      help: 'where files and listings are kept between mounts (default: ~/.cache/xnatfs)',
    },
    {
      flags: '--cache-size <size>',
      parse: byteSize,
      help: 'what the disk cache may take, such as 20G (default: a tenth of its disk, 1G to 100G)',
    },
    { flags: '--no-cache', help: 'keep nothing on the disk' },
    {
      flags: '--memory <MiB>',
      default: 48,
      parse: positiveNumber,
      help: 'memory for the bytes of files: those that are cached, on their way, and waiting for the disk cache',
    },
  ]),
  ...grouped('How it runs:', [
    { flags: '--foreground', help: 'stay in the foreground and log to the terminal; Ctrl-C unmounts' },
    {
      flags: '--log-file <path>',
      parse: pathOf,
      help: 'where the log goes (default: in the state directory)',
    },
    {
      flags: '--journald',
      help: 'log to the journal of systemd in place of a file; journalctl -t xnatfs shows it',
    },
    { flags: '--log-level <level>', default: 'info', choices: logLevels, help: 'how much is logged' },
    { flags: '--trace-http', help: 'log every exchange with the server, without bodies and secrets' },
    {
      flags: '--metrics-port <n>',
      parse: portNumber,
      help: 'metrics for Prometheus on 127.0.0.1, at /metrics; 0 takes a free port, and the log says which',
    },
    {
      flags: '--connections <n>',
      default: 16,
      parse: positiveNumber,
      help: 'requests to the server at once',
    },
    {
      flags: '--driver <name>',
      default: 'auto',
      choices: driverNames,
      help: 'what talks to the kernel: libfuse3 (fast), fuse-native (portable), or the better one that works',
    },
    {
      flags: '--kernel-open',
      help: 'with --read-only and libfuse3: the kernel opens files without asking, so that small ones that it has are read several times faster; excludes passthrough, and a look at what has no size before it is opened (zips, some of .xnat) asks for it',
    },
    { flags: '-o <options>', help: 'options as in /etc/fstab: -o ro,allow_other,listing_ttl=5' },
  ]),
]

const jsonOption: OptionRow = { flags: '--json', help: 'as JSON' }

/** They look at what `mount` with the same options would do. */
const configShowOptions: readonly OptionRow[] = [...mountOptions, jsonOption]

const doctorOptions = configShowOptions

const serveOptions: readonly OptionRow[] = [
  {
    flags: '--port <n>',
    default: 0,
    parse: portNumber,
    help: 'port on 127.0.0.1; 0 takes a free one',
  },
  {
    flags: '--data <path>',
    help: 'what to serve: a manifest.json or a folder of DICOM files (default: a generated sample)',
  },
  { flags: '--state <directory>', help: 'keep the archive here (default: a temporary folder)' },
  { flags: '--latency-ms <ms>', default: 0, parse: nonNegativeNumber, help: 'delay of every answer' },
  { flags: '--bandwidth-mbit <mbit>', parse: positiveNumber, help: 'speed of each connection' },
  { flags: '--no-range', help: 'ignore Range: send whole files, as some proxies do' },
  { flags: '--faults <json>', help: 'a fault table: JSON, or @file; see docs/emulator.md' },
  { flags: '--json', help: 'print one line of JSON with the URL and the users when ready' },
]

const umountOptions: readonly OptionRow[] = [
  { flags: '--lazy', help: 'detach the mount even while programs use it' },
]

const demoOptions: readonly OptionRow[] = [
  { flags: '--keep', help: 'leave the mount and the server running until Ctrl-C' },
]

const pendingRetryOptions: readonly OptionRow[] = [
  { flags: '--user <name>', env: 'XNAT_USER', help: 'only what this user has left' },
  {
    flags: '--take-over',
    help: 'also what mounts on other machines or in other containers have left; make sure that they have ended',
  },
  ...connectionOptions,
]

const pendingDiscardOptions: readonly OptionRow[] = [
  { flags: '--all', help: 'everything that no running mount has' },
]

const statusOptions: readonly OptionRow[] = [
  { flags: '--json', help: 'as JSON; with --watch a line each time' },
  { flags: '--watch', help: 'again each second, until Ctrl-C or the end of the mount' },
]

const prefetchOptions: readonly OptionRow[] = [
  { flags: '--plan', help: 'say how many requests and bytes it takes and about how long; fetch nothing' },
  { flags: '--check', help: 'say how much is cached; exit code 1 unless it is all; fetch nothing' },
]

const benchOptions: readonly OptionRow[] = [
  {
    flags: '--rounds <n>',
    default: 3,
    parse: positiveNumber,
    help: 'how often each way is measured; medians count',
  },
  {
    flags: '--run <command>',
    help: 'measure this instead of plain reading: it finds the folder in $IN and may write to $OUT, such as \'dcm2niix -d 9 -o "$OUT" "$IN"\'',
  },
  { flags: '--large', help: 'also more than 2 GiB, which each round gets from the server three times' },
  ...accessOptions,
]

const mountsOptions: readonly OptionRow[] = [jsonOption]

const pendingListOptions: readonly OptionRow[] = [jsonOption]

const cacheOptions: readonly OptionRow[] = [
  profileOption,
  { flags: '--cache-dir <path>', parse: pathOf, help: 'the cache to look at (default: ~/.cache/xnatfs)' },
]

const table = {
  mount: mountOptions,
  login: loginOptions,
  logout: logoutOptions,
  'config show': configShowOptions,
  doctor: doctorOptions,
  serve: serveOptions,
  umount: umountOptions,
  demo: demoOptions,
  status: statusOptions,
  mounts: mountsOptions,
  prefetch: prefetchOptions,
  bench: benchOptions,
  'pending list': pendingListOptions,
  'pending retry': pendingRetryOptions,
  'pending discard': pendingDiscardOptions,
  cache: cacheOptions,
} as const

/** The options of `mount` as they are when none is given. */
export function defaultMountFlags(): MountFlags {
  return addOptions(new Command(), 'mount').opts<MountFlags>()
}

/** Belong to one call of the program and not into a file. */
const notInFiles = ['profile', 'password-stdin', 'foreground']

/** What may stand in the configuration file: the options of `mount`. `--no-cache` is the key `cache`. */
export function configKeys(): string[] {
  return addOptions(new Command(), 'mount')
    .options.flatMap(({ long }) => long ?? [])
    .map((long) => long.replace(/^--(no-)?/, ''))
    .filter((key) => !notInFiles.includes(key))
}

export function addOptions(command: Command, name: keyof typeof table): Command {
  for (const row of table[name]) {
    const option = new Option(row.flags, row.help)
    if (row.env) option.env(row.env)
    if (row.default !== undefined) option.default(row.default, row.defaultText)
    if (row.group) option.helpGroup(row.group)
    if (row.choices) option.choices([...row.choices])
    if (row.parse) option.argParser(parserFor(row.flags, row.parse))
    command.addOption(option)
  }
  return command
}

function parserFor(flags: string, parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof WrongValue)) throw error
      const reason = `'${text}' ${error.message}`
      const { nextStep } = error
      throw new CliError(exitCodes.usage, { thing: flags.split(' ')[0]!, reason, nextStep }, { cause: error })
    }
  }
}
