// Compares the drivers with a minimal C file system over libfuse3 and with the local disk: npm run bench:driver [rounds]
// Rounds are interleaved; the table in test/bench/driver-results.md has medians, and ratios to the C file system and the disk.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median, shown } from './bench/figures.mjs'
import { machineText } from './bench/machine.mjs'
import { mountedAt, waitForMount } from './bench/mounts.mjs'
import { usage } from './bench/process-usage.mjs'

const repository = join(dirname(fileURLToPath(import.meta.url)), '..')
const rounds = Number(process.argv[2] ?? 5)
const folder = mkdtempSync(join(tmpdir(), 'xnatfs-bench-'))
const bench = join(repository, 'test/bench')
const compile = (source, flags) =>
  execFileSync('gcc', ['-O2', '-o', join(folder, source), join(bench, `${source}.c`), ...flags], {
    stdio: 'inherit',
  })
const pkgConfig = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' })
  .trim()
  .split(' ')
compile('memory-fs', ['-D_FILE_OFFSET_BITS=64', ...pkgConfig])
compile('client', [])

const gib = 1024 ** 3
/**
 * What is done, what its figure is, how often in a round (once), and whether the kernel's pages are dropped before. Commands
 * find no names in its caches.
 */
const tasks = [
  {
    name: 'ls -l of 10,000, s',
    command: (path) => ['ls', '-l', path],
    path: 'small',
    figure: (s) => s,
  },
  {
    name: 'find -size of 10,000, s',
    command: (path) => ['find', path, '-size', '+1k'],
    path: 'small',
    figure: (s) => s,
  },
  {
    name: 'sequential read, GB/s',
    task: 'sequential',
    path: 'big',
    isCold: true,
    figure: (s) => gib / 1e9 / s,
  },
  { name: 'the same again, GB/s', task: 'sequential', path: 'big', figure: (s) => gib / 1e9 / s },
  { name: 'random 4 KiB, O_DIRECT, 1/s', task: 'random-direct', path: 'big', figure: (s) => 20_000 / s },
  { name: 'random 4 KiB, warm, 1/s', task: 'random-warm', path: 'big', figure: (s) => 200_000 / s },
  { name: '2,000 × 100 KiB, cold, 1/s', task: 'small', path: 'small', isCold: true, figure: (s) => 2000 / s },
  { name: 'the same again, 1/s', task: 'small', path: 'small', times: 5, figure: (s) => 2000 / s },
  {
    name: 'the same by four readers at once, 1/s',
    task: 'small-by-four',
    path: 'small',
    times: 5,
    figure: (s) => 8000 / s,
  },
  {
    name: 'write 512 MiB, MB/s',
    task: 'write',
    path: 'sink',
    figure: (s) => (512 * 1024 * 1024) / 1e6 / s,
    isWrite: true,
  },
]

const disk = join(folder, 'disk')
mkdirSync(join(disk, 'small'), { recursive: true })
for (let i = 0; i < 10_000; i++) writeFileSync(join(disk, 'small', `file-${i}`), Buffer.alloc(100 * 1024, i))
execFileSync('dd', ['if=/dev/zero', `of=${join(disk, 'big')}`, 'bs=1M', 'count=1024', 'status=none'])
writeFileSync(join(disk, 'sink'), '')

const server = join(bench, 'driver-server.mjs')
const variants = [
  { name: 'C libfuse3', start: (path) => ({ program: join(folder, 'memory-fs'), words: [path] }) },
  {
    name: 'libfuse3',
    start: (path) => ({ program: process.execPath, words: [server, 'libfuse3', path, 'writable'] }),
  },
  {
    name: 'libfuse3, cached file',
    start: (path) => ({
      program: process.execPath,
      words: [server, 'libfuse3', path, 'writable', join(disk, 'big')],
    }),
  },
  {
    name: 'libfuse3, read-only, passthrough',
    isReadOnly: true,
    start: (path) => ({
      program: process.execPath,
      words: [server, 'libfuse3', path, 'read-only', join(disk, 'big')],
    }),
  },
  {
    name: 'libfuse3, read-only, --kernel-open',
    isReadOnly: true,
    start: (path) => ({ program: process.execPath, words: [server, 'libfuse3', path, 'kernel-open'] }),
  },
  {
    name: 'fuse-native',
    start: (path) => ({ program: process.execPath, words: [server, 'fuse-native', path, 'writable'] }),
  },
  { name: 'disk', isDisk: true },
]

async function serve(variant, path) {
  const { program, words } = variant.start(path)
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, KEEP_CACHE: '1' },
  })
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
  await waitForMount(path, child)
  if (program === process.execPath) await line
  else writeFileSync(`/sys/class/bdi/${mountedAt(path).split(' ')[2]}/read_ahead_kb`, '1024') // as the drivers do
  return child
}

const results = new Map(variants.map(({ name }) => [name, new Map()]))
function record(variant, name, figure) {
  const figures = results.get(variant.name)
  figures.set(name, [...(figures.get(name) ?? []), figure])
}

async function runTask(one, root) {
  if (one.command) return timed(one, join(root, one.path))
  if (one.isCold) {
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    execFileSync('cat', [join(disk, one.path === 'big' ? 'big' : 'sink')], { stdio: 'ignore' }) // the disk's stay
  }
  const words = [one.task, join(root, one.path)]
  return new Promise((resolve, reject) => {
    const child = spawn(join(folder, 'client'), words, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (part) => (text += part))
    child.once('exit', (code) =>
      code === 0 ? resolve(Number(text)) : reject(new Error(`client ${words.join(' ')}: ${code}`)),
    )
  })
}

function timed({ command }, path) {
  writeFileSync('/proc/sys/vm/drop_caches', '2')
  const [program, ...words] = command(path)
  const startMs = performance.now()
  execFileSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  return (performance.now() - startMs) / 1000
}

async function round(variant) {
  const path = variant.isDisk ? disk : mkdtempSync(join(folder, 'mnt-'))
  const child = variant.isDisk ? undefined : await serve(variant, path)
  try {
    if (variant.isDisk)
      for (const one of tasks) if (!one.isWrite) await runTask({ ...one, isCold: false }, path)
    for (const one of tasks) {
      if (one.isWrite && (variant.isDisk || variant.isReadOnly)) continue
      const before = child && usage(child.pid).cpuSeconds
      for (let i = 0; i < (one.times ?? 1); i++) {
        const seconds = await runTask(variant.isDisk ? { ...one, isCold: false } : one, path)
        record(variant, one.name, one.figure(seconds))
      }
      if (child && one.name.startsWith('sequential'))
        record(variant, 'CPU s per GiB read', usage(child.pid).cpuSeconds - before)
    }
    if (child) record(variant, 'resident MiB', usage(child.pid).residentMib)
  } finally {
    if (child) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      execFileSync('fusermount3', ['-u', path])
      await ended
    }
  }
}

try {
  for (let i = 0; i < rounds; i++) {
    for (const variant of variants) await round(variant)
    process.stderr.write(`round ${i + 1} of ${rounds}\n`)
  }
  const rows = [...tasks.map(({ name }) => name), 'CPU s per GiB read', 'resident MiB']
  const cell = (variant, row) => {
    const figures = results.get(variant.name).get(row)
    if (!figures) return '–'
    const value = median(figures)
    const ratios = ['C libfuse3', 'disk'].map((name) => {
      const base = results.get(name).get(row)
      return base ? shown(value / median(base)) : '–'
    })
    return `${shown(value)} (${ratios.join(', ')})`
  }
  const table = [
    `# The drivers, beside a minimal C file system and the disk`,
    '',
    `By \`npm run bench:driver\` on ${machineText()}; medians of ${rounds}`,
    'interleaved rounds, in parentheses the ratios to the C file system and to the disk. All serve from memory, a cached file from',
    'the disk; the disk is read from the page cache, but for names.',
    '',
    `| | ${variants.map(({ name }) => name).join(' | ')} |`,
    `|---|${variants.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row} | ${variants.map((variant) => cell(variant, row)).join(' | ')} |`),
  ]
  writeFileSync(join(bench, 'driver-results.md'), `${table.join('\n')}\n`)
  process.stdout.write(`${table.join('\n')}\n`)
} finally {
  rmSync(folder, { recursive: true })
}
