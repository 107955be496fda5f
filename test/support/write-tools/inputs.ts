import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { patternBytes } from '../byte-source.js'
import { shell } from '../processes.js'
import type { Server } from '../server.js'

const script = `
mkdir dicom && unzip -qj dicom.zip '*.dcm' -d dicom
dcm2niix -b n -z n -f t1 -o . dicom > /dev/null && gzip -kn t1.nii

mkdir -p tree/sub/deep tree/hollow
echo first > tree/first.txt && cp bytes.bin tree/sub/ && : > tree/sub/deep/empty.txt
echo blank > 'tree/sub/with blank.txt'
find tree -exec touch -d '2021-02-03 04:05:06' {} +
tar -cf tree.tar tree && zip -qr tree.zip tree

mkdir -p new/tree/sub
echo changed > new/tree/first.txt && head -c 100000 bytes.bin > new/tree/sub/bytes.bin
echo changed > 'new/tree/sub/with blank.txt'
(cd new && tar -cf ../new-tree.tar tree && zip -qr ../new-tree.zip tree)

seq 1 2000 > before.c && sed 's/^1000$/patched/' before.c > after.c
diff -u before.c after.c > change.patch || true
sqlite3 a.db "create table t (i, s); insert into t values (1, 'one')"

mkdir repository && cd repository && git init -q && echo 1 > file
git add file && git -c user.name=A -c user.email=a@example.org commit -qm first
`

/** Makes what the commands of the table take as their input. */
export async function makeInputs(server: Server, folder: string): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'bytes.bin'), patternBytes(180_000))
  const scan = '/data/projects/TEST/subjects/1/experiments/MR1/scans/1'
  const { body } = await server.rest('GET', `${scan}/resources/DICOM/files?format=zip`)
  await writeFile(join(folder, 'dicom.zip'), body)
  await shell(`set -e; ${script}`, { cwd: folder })
}
