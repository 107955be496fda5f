import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { convert, md5OfFile } from '../support/digests.js'
import { Mount } from '../support/mount.js'
import { shell as shellOf } from '../support/processes.js'
import { Server } from '../support/server.js'

let server: Server
let mount: Mount
/** A local folder; `copy` in it holds the files of the session as the server has them. */
let local: string
/** A new resource for each test, on the mount. */
let resource: string
let count = 0

beforeAll(async () => {
  local = await mkdtemp(join(tmpdir(), 'xnatfs-local-'))
  server = await Server.start(['--state', join(local, 'archive')])
  mount = await Mount.start(server)
  await mkdir(join(local, 'copy'))
  for (const scan of ['1', '2', '3', '4']) {
    const stored = join(local, 'archive/archive/TEST/arc001/MR1/SCANS', scan)
    await cp(stored, join(local, 'copy', scan), {
      recursive: true,
      filter: (path) => !path.endsWith('_catalog.xml'),
    })
  }
})
afterAll(async () => {
  try {
    await mount.stop()
  } finally {
    await server.stop()
    await rm(local, { recursive: true })
  }
})
beforeEach(async () => {
  resource = join(mount.path, 'TEST/1/MR1/resources', `TOOL_${count++}`)
  await mkdir(resource)
  await server.resetRequests()
})

const shell = (line: string): Promise<string> =>
  shellOf(line, { env: { SCANS: join(mount.path, 'TEST/1/MR1/scans'), R: resource, LOCAL: local } })

/** Paths that the server was asked to store, below `files/`. */
async function uploads(): Promise<string[]> {
  const requests = await server.requests()
  return requests
    .filter(({ method, path }) => method === 'PUT' && path.includes('/files/'))
    .map(({ path }) => path.split('/files/')[1]!.replace(/\?.*/, ''))
}

describe('tools that read', () => {
  it('cp -r, cp -a and diff -r', async () => {
    await shell('cp -r "$SCANS" "$LOCAL/cp-r" && diff -r "$LOCAL/cp-r" "$LOCAL/copy"')
    await shell('cp -a "$SCANS" "$LOCAL/cp-a" && diff -r "$LOCAL/cp-a" "$LOCAL/copy"')
    await shell('diff -r "$SCANS" "$LOCAL/copy"')
  })

  it('rsync -a, which finds nothing to do the second time', async () => {
    await shell('rsync -a "$SCANS/" "$LOCAL/rsync/" && diff -r "$LOCAL/rsync" "$LOCAL/copy"')
    const second = await shell('rsync -a --itemize-changes "$SCANS/" "$LOCAL/rsync/"')
    expect(second).toBe('')
  })

  it('find, du, ls and stat tell true sizes', async () => {
    const sizes = (folder: string): Promise<string> =>
      shell(`cd "${folder}" && find . -type f -printf '%p %s\\n' | sort`)
    expect(await sizes('$SCANS')).toBe(await sizes('$LOCAL/copy'))
    const blocks = await shell('du -s --block-size=512 "$SCANS" | cut -f1')
    const bytes = await shell(
      `find "$SCANS" -type f -printf '%s\\n' | awk '{ s += int(($1 + 511) / 512) } END { print s }'`,
    )
    expect(blocks).toBe(bytes)
    expect(await shell('ls -lR "$SCANS" | wc -l')).toBe(await shell('ls -lR "$LOCAL/copy" | wc -l'))
  })

  it('tar packs what a local copy packs', async () => {
    const pack = 'tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX'
    expect(await shell(`${pack} -cf - -C "$SCANS" . | md5sum`)).toBe(
      await shell(`${pack} -cf - -C "$LOCAL/copy" . | md5sum`),
    )
  })

  it('md5sum -c', async () => {
    await shell(
      'cd "$LOCAL/copy" && find . -type f -exec md5sum {} + > "$LOCAL/sums" && cd "$SCANS" && md5sum --quiet -c "$LOCAL/sums"',
    )
  })

  it('head, tail, dd with O_DIRECT, and mmap by git', async () => {
    for (const command of ['head -c 132', 'tail -c 100', 'wc -c <', 'git hash-object --no-filters']) {
      expect(await shell(`${command} "$SCANS/1/DICOM/1.dcm"`)).toBe(
        await shell(`${command} "$LOCAL/copy/1/DICOM/1.dcm"`),
      )
    }
    await shell(
      'dd if="$SCANS/1/DICOM/2.dcm" iflag=direct bs=4096 status=none | cmp - "$LOCAL/copy/1/DICOM/2.dcm"',
    )
  })

  it('dcmdump and dcmftest', async () => {
    expect(await shell('dcmdump -q "$SCANS/3/DICOM/5.dcm"')).toBe(
      await shell('dcmdump -q "$LOCAL/copy/3/DICOM/5.dcm"'),
    )
    await shell('dcmftest "$SCANS"/3/DICOM/*')
  })

  it('mrtrix3, which maps every file into memory', async () => {
    const info = 'mrinfo -quiet -size -spacing -datatype -transform -strides .'
    expect(await shell(`cd "$SCANS/1/DICOM" && ${info}`)).toBe(
      await shell(`cd "$LOCAL/copy/1/DICOM" && ${info}`),
    )
    const converted = (folder: string): Promise<string> =>
      shell(`cd "${folder}" && mrconvert -quiet -force . "$LOCAL/mr.nii" && md5sum < "$LOCAL/mr.nii"`)
    expect(await converted('$SCANS/1/DICOM')).toBe(await converted('$LOCAL/copy/1/DICOM'))
  })

  it('unzip -l and unzip -p, which begin at the end', async () => {
    await shell('cd "$LOCAL/copy" && zip -qr "$LOCAL/all.zip" . && cp "$LOCAL/all.zip" "$R/all.zip"')
    expect(await shell('unzip -l "$R/all.zip" | tail -n +2')).toBe(
      await shell('unzip -l "$LOCAL/all.zip" | tail -n +2'),
    )
    await shell('unzip -p "$R/all.zip" 1/DICOM/1.dcm | cmp - "$LOCAL/copy/1/DICOM/1.dcm"')
  })
})

describe('tools that write', () => {
  it('dcm2niix with its output on the mount, compressed too', async () => {
    await shell('dcm2niix -b y -z n -f %p_%s -o "$R" "$SCANS/1/DICOM"')
    const outputs = await convert(join(local, 'copy/1/DICOM'))
    for (const [name, digest] of Object.entries(outputs))
      expect(await md5OfFile(join(resource, name))).toBe(digest)
    await shell('dcm2niix -b n -z y -f packed -o "$R" "$SCANS/1/DICOM"')
    await shell('gunzip -c "$R/packed.nii.gz" | cmp - "$R"/T1*.nii')
  })

  it('mrconvert, which opens its output four times', async () => {
    await shell(
      'mrconvert -quiet "$SCANS/1/DICOM" "$R/mr.nii" && mrconvert -quiet "$SCANS/1/DICOM" "$LOCAL/mr2.nii"',
    )
    await shell('cmp "$R/mr.nii" "$LOCAL/mr2.nii"')
  })

  it('nibabel, reading by mmap and saving', async () => {
    await shell('dcm2niix -b n -z n -f in -o "$R" "$SCANS/1/DICOM"')
    const script = `
import sys, numpy as np, nibabel as nib
path, out = sys.argv[1:]
image = nib.load(path)
whole = np.asanyarray(image.dataobj)
assert isinstance(whole, np.memmap), type(whole)
assert (np.asarray(image.dataobj[:, :, 3]) == whole[:, :, 3]).all()
nib.save(nib.Nifti1Image(np.array(whole) * 2, image.affine), out)
assert (np.asanyarray(nib.load(out).dataobj) == np.array(whole) * 2).all()
`
    await writeFile(join(local, 'check.py'), script)
    await shell('/usr/bin/python3 "$LOCAL/check.py" "$R/in.nii" "$R/out.nii.gz"')
  })

  it('vim: one upload, no swap file, no backup', async () => {
    await writeFile(join(resource, 'a.txt'), 'hello\n')
    await server.resetRequests()
    await shell(`vim -es -c 's/hello/bonjour/' -c wq "$R/a.txt" < /dev/null`)
    expect(await readFile(join(resource, 'a.txt'), 'utf8')).toBe('bonjour\n')
    expect(await uploads()).toEqual(['a.txt'])
    expect(await readdir(resource)).toEqual(['a.txt'])
  })

  it('sed -i: one upload', async () => {
    await writeFile(join(resource, 'a.txt'), 'hello\n')
    await server.resetRequests()
    await shell('sed -i s/hello/salut/ "$R/a.txt"')
    expect(await readFile(join(resource, 'a.txt'), 'utf8')).toBe('salut\n')
    expect(await uploads()).toEqual(['a.txt'])
  })

  it('the shell: >, >>, and a program that writes to a descriptor it was given', async () => {
    await shell('echo one > "$R/s.txt" && echo two >> "$R/s.txt" && { echo three; echo four; } >> "$R/s.txt"')
    expect(await readFile(join(resource, 's.txt'), 'utf8')).toBe('one\ntwo\nthree\nfour\n')
  })

  it('rsync -a into the mount, which sends each file once, and nothing the second time', async () => {
    await shell('rsync -a "$LOCAL/copy/1/" "$R/" && diff -r "$R" "$LOCAL/copy/1"')
    const files = (await uploads()).toSorted()
    expect(new Set(files).size).toBe(files.length)
    await server.resetRequests()
    expect(await shell('rsync -a --itemize-changes "$LOCAL/copy/1/" "$R/"')).toBe('')
    expect(await uploads()).toEqual([])
  })

  it('cp -a, tar x, unzip and mv', async () => {
    await shell('cp -a "$LOCAL/copy/2" "$R/cp" && diff -r "$R/cp" "$LOCAL/copy/2"')
    await shell(
      'mkdir "$R/tar" && tar -C "$LOCAL/copy" -cf - 2 | tar -C "$R/tar" -xf - && diff -r "$R/tar/2" "$LOCAL/copy/2"',
    )
    await shell(
      'cd "$LOCAL/copy" && rm -f "$LOCAL/two.zip" && zip -qr "$LOCAL/two.zip" 2 && unzip -q "$LOCAL/two.zip" -d "$R/zip" && diff -r "$R/zip/2" "$LOCAL/copy/2"',
    )
    await shell(
      'cp -r "$LOCAL/copy/2" "$LOCAL/mv" && mv "$LOCAL/mv" "$R/mv" && diff -r "$R/mv" "$LOCAL/copy/2"',
    )
    await shell('mv "$R/mv" "$R/moved" && diff -r "$R/moved" "$LOCAL/copy/2" && test ! -e "$R/mv"')
  })

  it('rm -r empties a resource and removes it', async () => {
    await shell(
      'cp -r "$LOCAL/copy/1" "$R/tree" && touch "$R/scan1" "$R/scan10" && sync "$R/scan1" "$R/scan10"',
    )
    await shell('rm -r "$R" && test ! -e "$R"')
    const { body } = await server.rest(
      'GET',
      '/data/projects/TEST/subjects/1/experiments/MR1/resources?format=csv',
    )
    expect(body.toString()).not.toContain(`TOOL_${count - 1}`)
  })

  it('touch makes a file on the server, and its time can be set', async () => {
    await shell('touch "$R/empty" && sync "$R/empty" && touch -d "2020-02-03 04:05:06" "$R/empty"')
    expect(await shell('date -r "$R/empty" "+%F %T"')).toBe('2020-02-03 04:05:06\n')
    const uri = `/data/projects/TEST/subjects/1/experiments/MR1/resources/TOOL_${count - 1}/files/empty`
    expect(await server.rest('GET', uri)).toMatchObject({ status: 200, body: Buffer.alloc(0) })
  })

  it('ln is refused in words, not with a hang', async () => {
    await expect(shell('ln -s target "$R/link"')).rejects.toThrow(/not permitted/)
    await expect(shell('mkfifo "$R/fifo"')).rejects.toThrow(/not permitted/)
  })
})
