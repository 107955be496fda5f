import type { ToolRow } from './tool-row.js'

const threeLines = `printf 'one\\ntwo\\nthree\\n' > R/a.txt`
const bytes = 'cp "$IN/bytes.bin" R/a.bin'

/** Opened with O_TRUNC, duplicated, and the first descriptor closed: a close() of an emptied file comes first. */
const duplicated = [{ file: /^R\/a\.txt$/, most: 2 }]

/** The shell and the small programs: each touches another part of what a file system can do to a file. */
export const shellRows: readonly ToolRow[] = [
  {
    name: '> onto a stored and a new file',
    given: threeLines,
    run: 'echo 1 > a.txt && echo 2 > new.txt',
    stores: duplicated,
  },
  { name: '> of nothing', given: threeLines, run: ': > a.txt && : > new.txt' },
  { name: '>> to a stored and a new file', given: threeLines, run: 'echo 4 >> a.txt && echo 1 >> new.txt' },
  {
    name: '> for several programs',
    run: '{ cat "$IN/before.c"; echo; cat "$IN/bytes.bin"; } > new.txt',
    // Each of the programs closes the descriptor that it was given.
    stores: [{ file: /^R\/new\.txt$/, most: 3 }],
  },
  { name: 'tee -a', given: threeLines, run: 'echo four | tee -a a.txt new.txt' },
  {
    name: 'truncate -s, shorter, longer and new',
    given: `${bytes}; cp "$IN/bytes.bin" R/b.bin`,
    run: 'truncate -s 1000 a.bin && truncate -s 300000 b.bin && truncate -s 5000 new.bin',
  },
  {
    name: 'truncate -s to the size it has, and to nothing',
    given: `${threeLines}; echo 1 > R/b.txt`,
    run: 'truncate -s 14 a.txt && truncate -s 0 b.txt',
  },
  {
    name: 'dd conv=notrunc in the middle',
    given: bytes,
    run: `printf 'in the middle' | dd of=a.bin bs=1 seek=70000 conv=notrunc status=none`,
  },
  {
    name: 'dd seek= leaves a hole',
    given: bytes,
    run: `printf end | dd of=new.bin bs=1 seek=200000 status=none && printf end | dd of=a.bin bs=1 seek=250000 conv=notrunc status=none`,
  },
  {
    name: 'dd with O_DIRECT',
    given: bytes,
    run: 'dd if="$IN/bytes.bin" of=new.bin bs=4096 oflag=direct status=none; cmp new.bin "$IN/bytes.bin"',
  },
  {
    name: 'dd conv=fsync',
    run: 'dd if="$IN/bytes.bin" of=new.bin bs=64k conv=fsync status=none',
    stores: [{ file: /^R\/new\.bin$/, most: 1, mostInBack: 1 }],
  },
  {
    name: 'posix_fallocate, which writes where a file system cannot reserve',
    given: threeLines,
    run: `/usr/bin/python3 - <<'END'
import os
for name, size in ('new.bin', 5000), ('a.txt', 20):
    with open(name, 'ab') as f:
        pass
    with open(name, 'r+b') as f:
        os.posix_fallocate(f.fileno(), 0, size)
END`,
  },
  {
    name: 'touch',
    given: threeLines,
    run: `touch new.txt a.txt && touch -d '2020-02-03 04:05:06' a.txt new.txt && date -r a.txt +%FT%T && date -r new.txt +%FT%T`,
  },
  {
    name: 'chmod',
    given: threeLines,
    run: 'chmod 600 a.txt && stat -c %a a.txt && chmod a+rx a.txt && stat -c %a a.txt',
  },
  {
    name: 'cp --preserve',
    given: threeLines,
    run: `touch -d '2020-02-03 04:05:06' a.txt && chmod 640 a.txt && cp --preserve=all a.txt b.txt && stat -c '%n %a %Y %U' *`,
  },
  {
    name: 'cp onto a stored file',
    given: threeLines,
    run: 'cp "$IN/bytes.bin" a.txt && cp a.txt b.txt',
  },
  {
    name: 'install',
    run: 'install -m 644 "$IN/before.c" new.c && install -d sub/sub && install "$IN/bytes.bin" sub/sub/x',
  },
  {
    name: 'curl -o',
    given: threeLines,
    run: 'curl -s -o a.txt -o new.bin "file://$IN/before.c" "file://$IN/bytes.bin"',
  },
  { name: 'split', run: 'split -b 30000 "$IN/bytes.bin" part- && cat part-* | cmp - "$IN/bytes.bin"' },
  {
    name: 'split and put together again',
    given: bytes,
    run: 'split -n 3 a.bin && rm a.bin && cat x?? > a.bin && rm x??',
    removes: ['R/a.bin'],
    stores: [
      { file: /^R\/xa[abc]$/, most: 1 },
      // It is a new file, though its bytes are the old ones.
      { file: /^R\/a\.bin$/, most: 3, mostInBack: 1 },
    ],
  },
  {
    name: 'sort -o onto its own input',
    given: threeLines,
    run: 'sort -r -o a.txt a.txt',
    stores: duplicated,
  },
  {
    name: 'flock',
    given: threeLines,
    run: `flock a.lock -c 'echo four >> a.txt'; flock a.lock -c 'flock -n a.lock true; echo $?'`,
  },
  {
    name: 'sqlite3',
    given: 'cp "$IN/a.db" R/a.db',
    run: `sqlite3 a.db "insert into t values (2, 'two'); select count(*) from t"`,
    // XNAT shall have what fsync() was called for, be it a journal.
    stores: [
      { file: /^R\/a\.db$/, most: 1, mostInBack: 1 },
      { file: /^R\/a\.db-journal$/, most: 2, mostInBack: 2 },
    ],
  },
  {
    name: 'sqlite3, a new database',
    run: `sqlite3 new.db "create table t (i, s); insert into t values (1, 'one')"`,
    stores: [
      { file: /^R\/new\.db$/, most: 2, mostInBack: 2 },
      { file: /^R\/new\.db-journal$/, most: 4, mostInBack: 4 },
    ],
  },
]
