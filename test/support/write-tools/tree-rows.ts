import type { ToolRow } from './tool-row.js'

const threeLines = `printf 'one\\ntwo\\nthree\\n' > R/a.txt`
/** An empty folder is nothing that a server could have had before. */
const tree = 'cp -a "$IN/tree" R/tree && rmdir R/tree/hollow'

/** Copying, packing, moving and removing. */
export const treeRows: readonly ToolRow[] = [
  {
    name: 'rsync -a twice, the second time with nothing to do',
    given: 'cp "$IN/bytes.bin" R/first.txt',
    run: 'rsync -a "$IN/tree/" . && rsync -a --itemize-changes "$IN/tree/" .',
  },
  {
    name: 'rsync -a --inplace',
    given: 'mkdir R/sub; head -c 50000 "$IN/bytes.bin" > R/sub/bytes.bin; cp "$IN/bytes.bin" R/first.txt',
    run: 'rsync -a --inplace "$IN/tree/" . && rsync -a --inplace --itemize-changes "$IN/tree/" .',
  },
  {
    name: 'rsync -a --delete',
    given: `${tree}; ${threeLines}; echo old > R/tree/old.txt`,
    run: 'rsync -a --delete "$IN/tree/" tree/ && rsync -a --delete --itemize-changes "$IN/tree/" tree/',
    // The same bytes again: rsync goes by the dates, which differ.
    stores: [{ file: /^R\/tree\//, most: 1, mostInBack: 1 }],
  },
  { name: 'tar x', run: 'tar -xf "$IN/tree.tar"' },
  {
    name: 'tar x over what is there',
    given: tree,
    run: 'tar -xf "$IN/new-tree.tar"',
    removes: ['R/tree/first.txt', 'R/tree/sub/bytes.bin', 'R/tree/sub/with blank.txt'],
  },
  {
    name: 'tar c into the mount',
    given: tree,
    run: 'tar --sort=name --mtime=@0 --owner=0 --group=0 --mode=644 -cf out.tar tree',
  },
  { name: 'unzip', run: 'unzip -q "$IN/tree.zip"' },
  {
    name: 'unzip -o over what is there',
    given: tree,
    run: 'unzip -qo "$IN/new-tree.zip"',
    removes: ['R/tree/first.txt', 'R/tree/sub/bytes.bin', 'R/tree/sub/with blank.txt'],
  },
  {
    name: 'zip, then zip -u',
    given: 'cp "$IN/tree.zip" R/a.zip; cp "$IN/before.c" R/new.c',
    run: `touch -d '2030-02-03 04:05:06' new.c && chmod 644 new.c && zip -qX b.zip new.c && zip -quX a.zip new.c`,
    removes: ['R/a.zip'],
  },
  { name: 'cp -a of a tree', run: 'cp -a "$IN/tree" . && stat -c "%n %a %Y" tree/sub/bytes.bin' },
  { name: 'cp -r within the mount', given: tree, run: 'cp -r tree copy && cp -r tree "$S/copy"' },
  {
    name: 'mv within a folder',
    given: `${threeLines}; echo b > R/b.txt`,
    run: 'mv a.txt c.txt && mv b.txt "with blank.txt"',
  },
  {
    name: 'mv to a name that begins with the old one, and back',
    given: `${threeLines}; echo b > R/b.txt.bak`,
    run: 'mv a.txt a.txt.old && mv b.txt.bak b.txt',
    // XNAT removes a.txt.old with a.txt.
    stores: [{ file: /^R\/a\.txt\.old$/, most: 2 }],
  },
  {
    name: 'mv of a file that was just written',
    run: 'cp "$IN/bytes.bin" a.bin && mv a.bin b.bin && mkdir sub && mv b.bin sub/c.bin',
    stores: [{ file: /^R\/[ab]\.bin$/, most: 1 }],
  },
  {
    name: 'mv between folders and resources',
    given: `${threeLines}; echo b > R/b.txt; echo c > S/c.txt`,
    run: 'mkdir sub && mv a.txt sub/ && mv b.txt "$S/" && mv "$S/c.txt" .',
  },
  { name: 'mv of a folder to another resource', given: tree, run: 'mv tree "$S/"' },
  { name: 'mv of a folder within a resource', given: tree, run: 'mv tree moved' },
  {
    name: 'mv over a stored file',
    given: `${threeLines}; echo b > R/b.txt; echo c > S/a.txt`,
    run: 'mv a.txt b.txt && mv "$S/a.txt" a.txt',
    removes: ['R/a.txt'],
  },
  {
    name: 'mv -n',
    given: `${threeLines}; echo b > R/b.txt; echo c > R/c.txt`,
    run: 'mv -n a.txt b.txt; mv -n c.txt new.txt',
  },
  {
    name: 'mv -b',
    given: `${threeLines}; echo b > R/b.txt`,
    run: 'mv -b --suffix=.old a.txt b.txt',
    stores: [{ file: /\.old$/, most: 2 }],
    removes: ['R/b.txt'],
  },
  {
    name: 'two files exchange their names',
    given: `${threeLines}; echo b > R/b.txt`,
    run: 'mv a.txt t.txt && mv b.txt a.txt && mv t.txt b.txt',
    stores: [{ file: /^R\/t\.txt$/, most: 1 }],
    removes: ['R/a.txt', 'R/b.txt'],
  },
  {
    name: 'ls, rm and rmdir of new folders',
    run: 'mkdir -p a/b/c && rmdir a/b/c && ls -R && mkdir -p d/e && rmdir -p d/e',
  },
  {
    name: 'mkdir -p, and a file in it that goes again',
    run: 'mkdir -p a/b && echo 1 > a/b/x && rm a/b/x && rmdir a/b',
    stores: [{ file: /^R\/a\/b\/x$/, most: 1 }],
  },
  {
    name: 'rm -r of a tree',
    given: `${tree}; echo 1 > R/tree/scan1; echo 1 > R/tree/scan10; echo 1 > R/kept`,
    run: 'rm -r tree',
  },
  {
    name: 'rm of a file whose name begins another that was just written',
    given: 'cp "$IN/t1.nii" R/a.nii',
    run: 'echo 1 > a.nii.gz && echo 2 > a.nii.json && rm a.nii',
    // XNAT removes them with a.nii.
    stores: [{ file: /^R\/a\.nii\./, most: 2 }],
  },
  {
    name: 'rm of a file with a longer sibling, both just written',
    run: 'echo 1 > scan1 && echo 2 > scan10 && rm scan1',
    stores: [
      { file: /^R\/scan1$/, most: 1 },
      { file: /^R\/scan10$/, most: 2 },
    ],
  },
  { name: 'find -delete', given: tree, run: 'find tree -name "*.txt" -delete' },
]
