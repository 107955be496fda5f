import { describe, expect, it } from 'vitest'
import { selectionPath } from '../../../src/xnat/packed-paths.js'

describe('a list of what is in several items', () => {
  const owner = { project: 'P', subject: 'S1', experiment: 'E1' }
  const start = '/data/projects/P/subjects/S1/experiments/E1'

  it.each([
    [{ items: { of: 'scans', names: 'ALL' } }, '/scans/ALL/files'],
    [{ items: { of: 'scans', names: '*' }, resources: 'DICOM' }, '/scans/*/resources/DICOM/files'],
    [{ items: { of: 'scans', names: 'T2 axial,3' } }, '/scans/T2%20axial,3/files'],
    [{ items: { of: 'scans', names: 'a[SLASH]b' } }, '/scans/a%5BSLASH%5Db/files'],
    [{ items: { of: 'reconstructions', names: 'ALL' }, side: 'in' }, '/reconstructions/ALL/in/files'],
    [
      { items: { of: 'assessors', names: 'xnat:qcManualAssessorData' }, side: 'out', resources: 'A,NULL' },
      '/assessors/xnat:qcManualAssessorData/out/resources/A,NULL/files',
    ],
    [{ resources: 'A,B' }, '/resources/A,B/files'],
  ] as const)('is asked by the names as they are: %j', (selection, path) => {
    expect(selectionPath({ owner, ...selection }, 'files')).toBe(start + path)
  })

  it.each([
    [{ items: { of: 'scans', names: 'a/b' } }],
    [{ items: { of: 'scans', names: "T1,it's" } }],
    [{ items: { of: 'assessors', names: 'of two words' } }],
    [{ items: { of: 'scans', names: 'ALL' }, resources: 'of two words' }],
    [{ items: { of: 'scans', names: 'ALL' }, resources: 'é' }],
  ] as const)('is not, where XNAT would look for others: %j', (selection) => {
    expect(selectionPath({ owner, ...selection }, 'files')).toBeUndefined()
  })

  it('is not, where no URL names the scan: the resources of all would be listed', () => {
    expect(selectionPath({ owner: { ...owner, scan: 'a,b' }, resources: 'A,B' }, 'files')).toBeUndefined()
  })

  it('is asked by the accession ID where that is all that is known', () => {
    const items = { of: 'scans', names: 'ALL' } as const
    expect(selectionPath({ owner: { experiment: 'E1' }, items }, 'resources')).toBe(
      '/data/experiments/E1/scans/ALL/resources',
    )
  })
})
