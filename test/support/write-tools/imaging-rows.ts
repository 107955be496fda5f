import type { ToolRow } from './tool-row.js'

const nifti = 'cp "$IN/t1.nii" R/a.nii'
/** XNAT removes `a.nii.gz` with `a.nii`: in mode `close`, where both are stored by then, it is stored again. */
const storedAgain = [
  { file: /\.nii$/, most: 1 },
  { file: /\.nii\.gz$/, most: 2 },
]

/** Packing of single files, and the tools that images are made and changed with. */
export const imagingRows: readonly ToolRow[] = [
  {
    name: 'gzip',
    given: nifti,
    run: `touch -d '2020-02-03 04:05:06' a.nii && gzip a.nii`,
    stores: [{ file: /gz$/, most: 2 }],
  },
  {
    name: 'pigz',
    given: nifti,
    run: `touch -d '2020-02-03 04:05:06' a.nii && pigz a.nii`,
    stores: [{ file: /gz$/, most: 2 }],
  },
  { name: 'gunzip', given: 'cp "$IN/t1.nii.gz" R/a.nii.gz', run: 'gunzip a.nii.gz' },
  {
    name: 'mrconvert',
    run: 'mrconvert -quiet "$IN/dicom" mr.nii',
    // It opens its output four times; a new file that is empty is not stored.
    stores: [{ file: /^R\/mr\.nii$/, most: 3 }],
  },
  {
    name: 'mrconvert -force over a stored file',
    given: 'cp "$IN/bytes.bin" R/mr.nii',
    run: 'mrconvert -quiet -force "$IN/dicom" mr.nii 2> /dev/null',
    stores: [{ file: /^R\/mr\.nii$/, most: 3 }],
    removes: ['R/mr.nii'],
  },
  {
    name: 'mrconvert to .nii.gz and .mif',
    run: 'mrconvert -quiet "$IN/dicom" mr.nii.gz && mrconvert -quiet "$IN/t1.nii" mr.mif',
    stores: [{ file: /^R\/mr\.(nii\.gz|mif)$/, most: 3 }],
  },
  { name: 'dcm2niix -z n', run: 'dcm2niix -b y -z n -f %p_%s -o . "$IN/dicom" > /dev/null' },
  {
    name: 'dcm2niix -z y',
    run: 'dcm2niix -b y -z y -f %p_%s -o . "$IN/dicom" > /dev/null',
    stores: storedAgain,
  },
  { name: 'dcm2niix -z i', run: 'dcm2niix -b y -z i -f %p_%s -o . "$IN/dicom" > /dev/null' },
  {
    name: 'nibabel, save .nii and .nii.gz',
    given: nifti,
    run: `/usr/bin/python3 - <<'END'
import nibabel as nib, numpy as np
image = nib.load('a.nii')
doubled = nib.Nifti1Image(np.asanyarray(image.dataobj) * 2, image.affine)
nib.save(doubled, 'b.nii')
nib.save(doubled, 'b.nii.gz')
END`,
  },
  {
    name: 'numpy, memmap r+',
    given: 'cp "$IN/bytes.bin" R/a.bin',
    run: `/usr/bin/python3 - <<'END'
import numpy as np
array = np.memmap('a.bin', dtype=np.uint8, mode='r+')
array[70000:70100] = 7
array.flush()
del array
END`,
    // flush() is msync(), which is an fsync().
    stores: [{ file: /^R\/a\.bin$/, most: 1, mostInBack: 1 }],
  },
  {
    name: 'numpy, a new memmap',
    run: `/usr/bin/python3 - <<'END'
import numpy as np
array = np.memmap('a.bin', dtype=np.uint8, mode='w+', shape=(100000,))
array[:] = 5
del array
END`,
    // numpy closes the file, which is zeros then, before it writes through the map.
    stores: [{ file: /^R\/a\.bin$/, most: 2 }],
  },
  {
    name: 'nifti_tool -overwrite -mod_hdr',
    given: nifti,
    run: `nifti_tool -overwrite -mod_hdr -mod_field descrip edited -infiles a.nii`,
  },
  {
    name: 'dcmodify',
    given: 'cp "$IN/dicom/1.dcm" R/a.dcm',
    run: `dcmodify -m '(0010,0010)=Edited^Name' a.dcm`,
    // It leaves a.dcm.bak, which XNAT removes with a.dcm.
    stores: [{ file: /\.bak$/, most: 2 }],
    removes: ['R/a.dcm'],
  },
  {
    name: 'dcmodify -nb',
    given: 'cp "$IN/dicom/1.dcm" R/a.dcm',
    run: `dcmodify -nb -m '(0010,0010)=Edited^Name' a.dcm`,
  },
]
