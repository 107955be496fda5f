// What is written, by whom, and what the figures should be.
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { curlConfig } from './curl.mjs'
import { mib } from './figures.mjs'
import { mountedSessionPath, writeRandomFile, writeSession } from './sample.mjs'

const xnatfs = 'xnatfs, cp'
const back = 'xnatfs --write-mode back, cp'
const put = 'curl -T'
const oneCurl = 'curl -T, one process'
const curlLoop = 'curl -T, a process each'
const localCopy = 'local disk, cp'
const syncedCopy = 'local disk, fsync each'

const smallBytes = 64 * mib

const sources = {
  'write-big': (folder, sizes) => writeRandomFile(join(folder, 'big.bin'), sizes.writeBytes),
  'write-small': (folder, sizes) => {
    for (let i = 0; i < sizes.writeFiles; i++)
      writeRandomFile(join(folder, `f${String(i).padStart(4, '0')}`), 4096)
  },
}

/** The folder of the files to write. */
function sourceOf(bench, name) {
  if (!bench.sources[name]) {
    const folder = bench.newFolder()
    sources[name](folder, bench.sizes)
    bench.sources[name] = folder
  }
  return bench.sources[name]
}

/** Runs `write(resource)` with a new resource, on quiet disks. It is removed afterwards only if it is large: see `Bench.remove`. */
async function intoNewResource(bench, source, write) {
  const label = await bench.server.newResource()
  try {
    await bench.shell('cat "$FROM"/* > /dev/null', { FROM: source }) // read from memory by everybody
    bench.syncDisks()
    await write(label)
    if (bench.isChecked) await check(bench, source, label)
  } finally {
    if (bytesOf(source) > smallBytes) await bench.server.removeResource(label)
  }
}

/** As much as the files take where they are kept on their way, by the server and by whoever sends them. */
function useMemory(bench, source) {
  bench.useMemory(3 * bytesOf(source))
}

function bytesOf(folder) {
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size)
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** What the server has now is what was to be written. */
async function check(bench, source, label) {
  const folder = bench.newFolder()
  const transfers = readdirSync(source).map((name) => ({
    url: `${bench.server.filesUrl(label)}/${name}`,
    output: join(folder, 'out', name),
  }))
  mkdirSync(join(folder, 'out'))
  const config = await curlConfig(bench, folder, transfers)
  await bench.shell('curl -K "$CONFIG" && diff -r "$FROM" "$OUT"', {
    CONFIG: config,
    FROM: source,
    OUT: join(folder, 'out'),
  })
  bench.remove(folder)
}

function curlPut(name, from, line) {
  return {
    name,
    needs: ['curl'],
    run: async (bench, record) => {
      const source = sourceOf(bench, from)
      await intoNewResource(bench, source, async (label) => {
        const folder = bench.newFolder()
        const url = bench.server.filesUrl(label)
        const transfers = readdirSync(source).map((file) => ({
          url: `${url}/${file}`,
          upload: join(source, file),
        }))
        const config = await curlConfig(bench, folder, transfers)
        const cookie = `JSESSIONID=${await bench.server.logIn()}`
        const variables = { CONFIG: config, FROM: source, FILES: url, COOKIE: cookie }
        useMemory(bench, source)
        record(name, await bench.measure(() => bench.shell(line, variables)))
        bench.remove(folder)
      })
    },
  }
}

const loopLine =
  'cd "$FROM" && for file in *; do curl -sSf -o /dev/null -b "$COOKIE" -H "Content-Type: application/octet-stream" ' +
  '-T "$file" "$FILES/$file" || exit 1; done'

function xnatfsCopy(from) {
  return {
    name: xnatfs,
    needs: [],
    run: async (bench, record) => {
      const source = sourceOf(bench, from)
      const directory = bench.newFolder()
      await intoNewResource(bench, source, async (label) => {
        const mount = await bench.mount(directory)
        try {
          useMemory(bench, source)
          record(xnatfs, await mount.measure(() => copyInto(bench, source, mount, label)))
        } finally {
          await mount.end()
        }
      })
      bench.remove(directory)
    },
  }
}

const placeOf = (mount, label) => join(mount.path, mountedSessionPath(writeSession), 'resources', label)
const copyInto = async (bench, source, mount, label) =>
  void (await bench.shell('cp "$FROM"/* "$TO"', { FROM: source, TO: placeOf(mount, label) }))

/** Until cp returns; what was copied is removed before it is sent, which the other rows measure. */
const xnatfsCopyBack = {
  name: back,
  needs: [],
  run: async (bench, record) => {
    const source = sourceOf(bench, 'write-small')
    const directory = bench.newFolder()
    const label = await bench.server.newResource()
    bench.syncDisks()
    const mount = await bench.mount(directory, ['--write-mode', 'back', '--write-back-delay', '3600'])
    try {
      record(back, await mount.measure(() => copyInto(bench, source, mount, label)))
      const variables = { FROM: source, TO: placeOf(mount, label) }
      if (bench.isChecked) await bench.shell('diff -r "$FROM" "$TO"', variables)
      await bench.shell('rm "$TO"/*', variables)
    } finally {
      await mount.end()
      await bench.server.removeResource(label)
    }
    bench.remove(directory)
  },
}

function localWrite(name, line) {
  return {
    name,
    needs: [],
    run: async (bench, record) => {
      const folder = bench.newFolder()
      const variables = {
        FROM: sourceOf(bench, 'write-small'),
        TO: folder,
        NODE: process.execPath,
        COPY: fileURLToPath(new URL('copy-synced.mjs', import.meta.url)),
      }
      bench.syncDisks()
      record(
        name,
        await bench.measureLocal(async () => {
          const printed = await bench.shell(line, variables)
          return printed === '' ? undefined : Number(printed)
        }),
      )
      bench.remove(folder)
    },
  }
}

export const writingRows = [
  {
    name: 'write-big',
    sets: [],
    title: ({ sizes }) => `writing a file of ${sizes.writeBytes / mib} MiB`,
    needs: [],
    subjects: [curlPut(put, 'write-big', 'curl -K "$CONFIG"'), xnatfsCopy('write-big')],
    limits: [{ line: xnatfs, over: [put], atMost: { 20: 1 / 0.9 } }],
  },
  {
    name: 'write-small',
    sets: [],
    title: ({ sizes }) => `writing ${sizes.writeFiles} × 4 KiB into one resource`,
    needs: [],
    subjects: [
      curlPut(oneCurl, 'write-small', 'curl -K "$CONFIG"'),
      curlPut(curlLoop, 'write-small', loopLine),
      xnatfsCopy('write-small'),
    ],
    limits: [
      { line: xnatfs, over: [oneCurl, curlLoop], atMost: { 20: 1.5 } },
      { line: xnatfs, over: [curlLoop] },
    ],
  },
  {
    name: 'write-back',
    sets: [],
    title: ({ sizes }) => `${sizes.writeFiles} × 4 KiB until cp returns, sent later`,
    needs: [],
    subjects: [
      localWrite(localCopy, 'cp "$FROM"/* "$TO"'),
      localWrite(syncedCopy, '"$NODE" "$COPY" "$FROM" "$TO"'),
      xnatfsCopyBack,
    ],
    limits: [
      { line: back, over: [localCopy], atMost: { 20: 3 } },
      { line: back, over: [syncedCopy] },
    ],
  },
]
