import { describe, expect, it } from 'vitest'
import { parseCatalog } from '../../../src/xnat/catalog-xml.js'

const head =
  '<?xml version="1.0" encoding="UTF-8"?>\n<cat:Catalog ID="X" xmlns:cat="http://nrg.wustl.edu/catalog">'

describe('parseCatalog', () => {
  it('reads path, size, digest, time, format and content', () => {
    const text = `${head}
      <cat:metaFields><cat:metaField name="PROJECT">TEST</cat:metaField></cat:metaFields>
      <cat:entries>
        <cat:entry ID="a/b.dcm" URI="a/b.dcm" cachePath="a/b.dcm" name="b.dcm" digest="ABCDEF0123456789abcdef0123456789"
                   format="DICOM" content="RAW" createdTime="2026-01-01T10:00:00.000" modifiedTime="2026-01-02T10:00:00.250">
          <cat:metaFields><cat:metaField name="SIZE">123</cat:metaField></cat:metaFields>
        </cat:entry>
      </cat:entries></cat:Catalog>`
    expect(parseCatalog(text)).toEqual([
      {
        storedPath: 'a/b.dcm',
        sizeBytes: 123,
        digest: 'abcdef0123456789abcdef0123456789',
        format: 'DICOM',
        content: 'RAW',
        modifiedMs: new Date(2026, 0, 2, 10, 0, 0, 250).getTime(),
      },
    ])
  })

  it('reads a DICOM catalog with the older name of the size', () => {
    const text = `<cat:DCMCatalog UID="1.2" xmlns:cat="c" xmlns:xsi="x"><cat:entries>
      <cat:entry ID="1.dcm" UID="1.2.3" URI="1.dcm" instanceNumber="53" xsi:type="cat:dcmEntry">
        <cat:metaFields><cat:metaField name="size_in_bytes">192046</cat:metaField></cat:metaFields></cat:entry>
      </cat:entries></cat:DCMCatalog>`
    expect(parseCatalog(text)).toMatchObject([
      { storedPath: '1.dcm', sizeBytes: 192046, digest: undefined, modifiedMs: undefined },
    ])
  })

  it('keeps blanks, entities and character references in names as they are meant', () => {
    const text = `${head}<cat:entries>
      <cat:entry URI=" a&amp;b &#233;&#x1F600;&lt;x&gt; " /><cat:entry URI="1e3"/></cat:entries></cat:Catalog>`
    expect(parseCatalog(text).map((entry) => entry.storedPath)).toEqual([' a&b é😀<x> ', '1e3'])
  })

  it('takes the cache path or ID of an entry that lies elsewhere', () => {
    const text = `${head}<cat:entries>
      <cat:entry URI="/data/xnat/archive/P/1.dcm" ID="i1" cachePath="c/1.dcm"/>
      <cat:entry URI="https://host/x.nii" ID="x.nii"/></cat:entries></cat:Catalog>`
    expect(parseCatalog(text).map((entry) => entry.storedPath)).toEqual(['c/1.dcm', 'x.nii'])
  })

  it('descends into entry sets', () => {
    const text = `${head}<cat:entries><cat:entry URI="1"/></cat:entries>
      <cat:sets><cat:entrySet ID="s"><cat:entries><cat:entry URI="2"/></cat:entries>
        <cat:sets><cat:entrySet><cat:entries><cat:entry URI="3"/></cat:entries></cat:entrySet></cat:sets>
      </cat:entrySet></cat:sets></cat:Catalog>`
    expect(parseCatalog(text).map((entry) => entry.storedPath)).toEqual(['1', '2', '3'])
  })

  it('reads an empty catalog', () => {
    expect(parseCatalog(`${head}</cat:Catalog>`)).toEqual([])
    expect(parseCatalog('<cat:Catalog xmlns:cat="c"/>')).toEqual([])
  })

  it.each(['', 'not xml', '<html><body>Login</body></html>', `${head}<cat:entries><cat:entry URI="1"/>`])(
    'refuses %j, which is no whole catalog',
    (text) => {
      expect(() => parseCatalog(text)).toThrow()
    },
  )
})
