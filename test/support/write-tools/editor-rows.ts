import { fileURLToPath } from 'node:url'
import type { ToolRow } from './tool-row.js'

const inTerminal = `/usr/bin/python3 "${fileURLToPath(new URL('in-terminal.py', import.meta.url))}"`
const threeLines = `printf 'one\\ntwo\\nthree\\n' > R/a.txt`

/** vim makes no backup of what lies in /tmp, as the mounts of tests do. */
const vim = `vim -es -c 'set backupskip='`
/** Nor does emacs of what lies in its folder for temporary files; in a batch it makes none at all, if not told to. */
const emacs = 'TMPDIR=/var/tmp emacs -nw --batch a.txt --eval'

/** A backup, a temporary name or a truncation on the way: all of them are one new version of the file. */
export const editorRows: readonly ToolRow[] = [
  {
    name: 'vim, default settings',
    given: threeLines,
    run: `${vim} -c '%s/two/zwei/' -c wq a.txt < /dev/null`,
  },
  {
    name: 'vim, backupcopy=yes',
    given: threeLines,
    run: `${vim} -c 'set backupcopy=yes' -c '%s/two/deux/' -c wq a.txt < /dev/null`,
  },
  {
    name: 'vim, a new file',
    run: `${vim} -c 'normal ihello' -c wq new.txt < /dev/null`,
  },
  {
    name: 'vim, keeping the backup beside it',
    given: threeLines,
    run: `${vim} -c 'set backup backupext=.orig' -c '%s/two/due/' -c wq a.txt < /dev/null`,
  },
  {
    name: 'nano',
    given: threeLines,
    run: `${inTerminal} 'one' 'typed ' 'typed' ^O 'File Name to Write' ^M 'Wrote' ^X -- nano a.txt`,
  },
  {
    name: 'nano, a new file',
    run: `${inTerminal} 'New File' 'typed' 'typed' ^O 'File Name to Write' ^M 'Wrote' ^X -- nano new.txt`,
  },
  {
    name: 'emacs',
    given: threeLines,
    run: `${emacs} '(progn (insert "edited ") (save-buffer))' 2> /dev/null`,
  },
  {
    name: 'emacs, and its backup removed',
    given: threeLines,
    run: `${emacs} '(progn (setq backup-inhibited nil) (insert "edited ") (save-buffer))' 2> /dev/null && ls && rm a.txt~`,
  },
  { name: 'sed -i', given: threeLines, run: 'sed -i s/two/twee/ a.txt' },
  {
    name: 'sed -i.bak',
    given: threeLines,
    run: 'sed -i.bak s/two/twee/ a.txt',
    // XNAT removes a.txt.bak with a.txt.
    stores: [{ file: /\.bak$/, most: 2 }],
    removes: ['R/a.txt'],
  },
  {
    name: 'perl -pi',
    given: threeLines,
    run: `perl -pi -e 's/two/dos/' a.txt`,
    stores: [{ file: /^R\/XX\w{6}$/, most: 1 }],
  },
  {
    name: 'patch',
    given: `cp "$IN/before.c" R/a.c`,
    run: 'patch a.c "$IN/change.patch"',
    stores: [{ file: /^R\/a\.c\.o\w{6}$/, most: 1 }],
  },
  {
    name: 'Python, a temporary file and os.replace',
    given: threeLines,
    run: `/usr/bin/python3 - <<'END'
import os, tempfile
with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as f:
    f.write(open('a.txt').read().upper())
os.replace(f.name, 'a.txt')
END`,
    stores: [{ file: /^R\/tmp\w{8}$/, most: 1 }],
  },
  {
    name: 'Python, a temporary file, fsync and os.replace',
    given: threeLines,
    run: `/usr/bin/python3 - <<'END'
import os, tempfile
with tempfile.NamedTemporaryFile('w', dir='.', delete=False) as f:
    f.write(open('a.txt').read().upper())
    f.flush()
    os.fsync(f.fileno())
os.replace(f.name, 'a.txt')
END`,
    stores: [{ file: /^R\/tmp\w{8}$/, most: 1, mostInBack: 1 }],
  },
  {
    name: 'node writeFile, a stored and a new file',
    given: threeLines,
    run: `node -e "fs.writeFileSync('a.txt', 'node'); fs.promises.writeFile('b.txt', 'new'.repeat(50000))"`,
  },
]
