import { Argument, Command } from 'commander'
import type { ExitCode } from './exit.js'
import { cacheTasks } from './flags.js'
import type {
  BenchFlags,
  CacheFlags,
  CacheTask,
  DemoFlags,
  DoctorFlags,
  LoginFlags,
  LogoutFlags,
  MountFlags,
  MountsFlags,
  PendingDiscardFlags,
  PendingListFlags,
  PendingRetryFlags,
  PrefetchFlags,
  ServeFlags,
  StatusFlags,
  UmountFlags,
} from './flags.js'
import { shells } from './manual/completions.js'
import type { Shell } from './manual/completions.js'
import { shortHelp } from './manual/short-help.js'
import { addOptions } from './options.js'
import { settleOptions } from './settle-options.js'
import { version } from './version.js'

type SetExitCode = (code: ExitCode) => void

/** The commands. Only what a command needs is loaded: `umount` answers at once. */
export function createProgram(setExitCode: SetExitCode): Command {
  const program = new Command('xnatfs')
    .description('Mounts an XNAT imaging archive as a file system.')
    .version(version())
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'xnatfs: ')) })
    .hook('preAction', (_, command) => settleOptions(command))
  addMounting(program, setExitCode)
  addLogIn(program, setExitCode)
  addSeeing(program, setExitCode)
  addKeeping(program, setExitCode)
  addServing(program, setExitCode)
  nameHelp(program, 'xnatfs')
  program.helpInformation = () => shortHelp(program)
  return program
}

/** Whoever gives a command what it does not take is told where that is said. */
function nameHelp(command: Command, name: string): void {
  command.showHelpAfterError(`\`${name} --help\` says what it takes.`)
  for (const child of command.commands) nameHelp(child, `${name} ${child.name()}`)
}

function addMounting(program: Command, setExitCode: SetExitCode): void {
  addOptions(program.command('mount <where...>'), 'mount')
    .summary('mount an archive or a part of it')
    .usage('[options] [url] <mountpoint>')
    .description('mount an archive, or read-only what its URL names in it; returns when the mount answers')
    .addHelpText('after', passwordHelp)
    .action(async (where: string[], flags: MountFlags) => {
      const { mountCommand } = await import('./mount-command.js')
      setExitCode(await mountCommand(where.at(-1)!, flags))
    })

  addOptions(program.command('umount <mountpoint>'), 'umount')
    .summary('send all, and unmount')
    .description('send what is unsent, and unmount')
    .action(async (mountpoint: string, flags: UmountFlags) => {
      const { umountCommand } = await import('./umount-command.js')
      setExitCode(await umountCommand(mountpoint, flags))
    })

  program
    .command('flush <mountpoint>')
    .summary('wait until all is on the server')
    .description('return when everything that was written is on the server')
    .action(async (mountpoint: string) => {
      const { flushCommand } = await import('./flush-command.js')
      setExitCode(await flushCommand(mountpoint))
    })
}

function addLogIn(program: Command, setExitCode: SetExitCode): void {
  addOptions(program.command('login [url]'), 'login')
    .summary('get a token for the password, once')
    .description('ask for the password once, and keep a token in its place (default server: XNAT_HOST)')
    .action(async (url: string | undefined, flags: LoginFlags) => {
      const { loginCommand } = await import('./login-command.js')
      setExitCode(await loginCommand(url, flags))
    })
  addOptions(program.command('logout [url]'), 'logout')
    .summary('make it worthless')
    .description('make the token worthless, and forget it')
    .action(async (url: string | undefined, flags: LogoutFlags) => {
      const { logoutCommand } = await import('./login-command.js')
      setExitCode(await logoutCommand(url, flags))
    })
  const config = program
    .command('config')
    .summary('which options count, and where they come from')
    .description('the configuration file and what comes of it')
  addOptions(config.command('show'), 'config show')
    .description('the options that `mount` would go by, and where each value is from')
    .action(async (_: unknown, command: Command) => {
      const { configShowCommand } = await import('./config-command.js')
      setExitCode(configShowCommand(command))
    })
}

function addSeeing(program: Command, setExitCode: SetExitCode): void {
  addOptions(program.command('mounts'), 'mounts')
    .summary('what is mounted here')
    .alias('ls')
    .description('what is mounted on this machine (`xnatfs ls` does the same)')
    .action(async (flags: MountsFlags) => {
      const { mountsCommand } = await import('./mounts-command.js')
      setExitCode(await mountsCommand(flags))
    })

  addOptions(program.command('status [path]'), 'status')
    .summary('what mounts are doing')
    .description('what a mount is doing, or all of yours: requests, caches, what is pending, what went wrong')
    .action(async (path: string | undefined, flags: StatusFlags) => {
      const { statusCommand } = await import('./status-command.js')
      setExitCode(await statusCommand(path, flags))
    })

  addOptions(program.command('doctor'), 'doctor')
    .summary('would a mount work here, and what to do if not')
    .description('whether a mount with these options would work here, and what to do if not')
    .action(async (flags: DoctorFlags) => {
      const { doctorCommand } = await import('./doctor/doctor-command.js')
      setExitCode(await doctorCommand(flags))
    })

  program
    .command('refresh <path>')
    .summary('ask the server anew')
    .description('ask the server anew for what is there and below, where it is looked at next')
    .action(async (path: string) => {
      const { refreshCommand } = await import('./refresh-command.js')
      setExitCode(await refreshCommand(path))
    })
}

function addKeeping(program: Command, setExitCode: SetExitCode): void {
  addOptions(program.command('prefetch <paths...>'), 'prefetch')
    .summary('fetch before it is read')
    .description(
      'bring files into the cache of their mount before they are read: a scan, a session, a project',
    )
    .action(async (paths: string[], flags: PrefetchFlags) => {
      const { prefetchCommand } = await import('./prefetch-command.js')
      setExitCode(await prefetchCommand(paths, flags))
    })

  addOptions(program.command('bench <path>'), 'bench')
    .summary('how fast a mount reads from your server')
    .description(
      'how fast a mount reads what is at this path, beside a zip and plain requests, on your server',
    )
    .action(async (path: string, flags: BenchFlags) => {
      const { benchCommand } = await import('./bench/bench-command.js')
      setExitCode(await benchCommand(path, flags))
    })

  addPending(program.command('pending'), setExitCode)

  addOptions(program.command('cache'), 'cache')
    .addArgument(new Argument('<status|clear|verify>').choices(cacheTasks))
    .summary('see, check, clear what is kept')
    .description('what is kept on the disk between mounts: say, remove, or check it against the digests')
    .action(async (what: CacheTask, flags: CacheFlags) => {
      const { cacheCommand } = await import('./cache-command.js')
      setExitCode(await cacheCommand(what, flags))
    })
}

function addPending(pending: Command, setExitCode: SetExitCode): void {
  pending
    .summary('what was written and is not on the server yet')
    .description('files that were written and are not on the server yet')
  addOptions(pending.command('list'), 'pending list')
    .description('show them, and why they could not be sent')
    .action(async (flags: PendingListFlags) => {
      const { pendingListCommand } = await import('./pending-command.js')
      setExitCode(await pendingListCommand(flags))
    })
  addOptions(pending.command('retry'), 'pending retry')
    .description('send them, by the running mounts or without one')
    .action(async (flags: PendingRetryFlags) => {
      const { pendingRetryCommand } = await import('./pending-command.js')
      setExitCode(await pendingRetryCommand(flags))
    })
  pending
    .command('export <directory> [ids...]')
    .description('copy their bytes into a directory, by default all')
    .action(async (directory: string, ids: string[]) => {
      const { pendingExportCommand } = await import('./pending-command.js')
      setExitCode(await pendingExportCommand(directory, ids))
    })
  addOptions(pending.command('discard [ids...]'), 'pending discard')
    .description('delete their bytes; they are nowhere else')
    .action(async (ids: string[], flags: PendingDiscardFlags) => {
      const { pendingDiscardCommand } = await import('./pending-command.js')
      setExitCode(await pendingDiscardCommand(ids, flags))
    })
}

function addServing(program: Command, setExitCode: SetExitCode): void {
  program
    .command('completion')
    .summary('completion of commands and options for your shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .description('print what makes a shell complete commands and options: source <(xnatfs completion bash)')
    .action(async (shell: Shell) => {
      const { completions } = await import('./manual/manual.js')
      process.stdout.write(completions(shell))
    })

  addOptions(program.command('serve'), 'serve')
    .summary('an XNAT to try things on')
    .description('run an XNAT of our own on this machine, to try things and for tests')
    .action(async (flags: ServeFlags) => {
      const { serveCommand } = await import('./serve-command.js')
      setExitCode(await serveCommand(flags))
    })

  addOptions(program.command('demo'), 'demo')
    .summary('the main job, shown with it')
    .description(
      'show the main job: serve, mount, convert with dcm2niix, read the result back from the server',
    )
    .action(async (flags: DemoFlags) => {
      const { demoCommand } = await import('./demo-command.js')
      setExitCode(await demoCommand(flags))
    })
}

/** For a screen of 80 columns. */
export const passwordHelp = `
The log-in is the first of: --password-stdin; XNAT_PASS with XNAT_USER;
XNAT_JSESSION; ~/.netrc (mode 0600; a port belongs into the machine name:
"machine localhost:8080"); what \`xnatfs login\` has kept; the answer to a
question on the terminal. Without a user, or with --guest, the mount is a
guest's. Where XNAT_HOST is set, XNAT_USER, XNAT_PASS and XNAT_JSESSION are for
that server only.

Options come from flags, then the chosen --profile, the environment, and the top
of ~/.config/xnatfs/config.toml; see \`xnatfs config show\`. HTTPS_PROXY,
HTTP_PROXY and NO_PROXY are heeded.`
