import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CatalogEntry } from '../../../src/xnat/catalog-scan.js'
import { scanCatalog } from '../../../src/xnat/catalog-scan.js'
import { parseEntries } from '../../../src/xnat/catalog-xml.js'

const names = ['URI', 'ID', 'cachePath', 'digest', 'format', 'content', 'createdTime', 'modifiedTime', 'name']

const plain = (entries: readonly CatalogEntry[] | undefined): unknown =>
  entries?.map((entry) => [entry.size, ...names.map((name) => entry.attribute(name))])

const byParser = (text: string): unknown => {
  try {
    return plain(parseEntries(text))
  } catch {
    return 'no catalog'
  }
}

const head = '<?xml version="1.0" encoding="UTF-8"?>\n<cat:Catalog ID="X" xmlns:cat="c" xmlns:xsi="x">\n'
const ofXnat = `${head}<cat:metaFields>
\t<cat:metaField name="PROJECT">TEST</cat:metaField>
\t<cat:metaField name="AUDIT">REFRESH:2026-01-01, REMOVED:2</cat:metaField>
</cat:metaFields>
<cat:entries>
\t<cat:entry ID="a/b c.dcm" URI="a/b c.dcm" cachePath="a/b c.dcm" content="RAW" createdBy="u" createdEventId="12" createdTime="2026-01-01T10:00:00.000" digest="ABC" format="DICOM" name="b.dcm">
\t\t<cat:metaFields>
\t\t\t<cat:metaField name="SIZE">123</cat:metaField>
\t\t</cat:metaFields>
\t</cat:entry>
\t<cat:entry UID="1.2" URI="é.dcm" instanceNumber="5" xsi:type="cat:dcmEntry"/>
</cat:entries>
</cat:Catalog>
`

/** Beginning, entries and end of one that a real server has written of a DICOM series. */
const ofSeries = `<?xml version="1.0" encoding="UTF-8"?>
<cat:DCMCatalog UID="1.3.12.2" xmlns:arc="http://nrg.wustl.edu/arc" xmlns:cat="http://nrg.wustl.edu/catalog" xmlns:xnat_a="http://nrg.wustl.edu/xnat_assessments" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<cat:metaFields>
	<cat:metaField name="AUDIT">14:Wed Jan 09 18:05:57 GMT 2019=Added:176</cat:metaField>
</cat:metaFields>
<cat:entries>
	<cat:entry ID="T.MR.53.dcm" UID="1.3.12.2.1" URI="T.MR.53.dcm" createdBy="admin" createdEventId="14" createdTime="2019-01-09T18:05:57.343" digest="4dcb184fe566523b94bee851e18f02ba" format="DICOM" instanceNumber="53" name="T.MR.53.dcm" xsi:type="cat:dcmEntry">
		<cat:metaFields>
			<cat:metaField name="size_in_bytes">192046</cat:metaField>
		</cat:metaFields>
	</cat:entry>
</cat:entries>
<cat:dimensions x="256" y="256" z="176"/>
<cat:voxelRes x="1.0" y="1.0" z="1.0"/><cat:orientation>Sag</cat:orientation>
</cat:DCMCatalog>
`

/** Pieces that catalogs are made of, and some that they should not be made of. */
const pieces = [
  head,
  '<cat:entries>',
  '</cat:entries>',
  '<cat:entry URI="1"/>',
  '<cat:entry URI="2" ID="">',
  '</cat:entry>',
  '<cat:metaFields>',
  '</cat:metaFields>',
  '<cat:metaField name="SIZE">',
  '12',
  '</cat:metaField>',
  '</cat:Catalog>',
  '<cat:metaField name="size_in_bytes">7</cat:metaField>',
  '<cat:metaField name="SIZE"/>',
  '<entry URI="3"></entry>',
  '<cat:entry URI="4" URI="5"/>',
  '<cat:entry x:URI="6"/>',
  '<cat:entry xsi:type="t" type="u" URI="7" />',
  ' ',
  '\n',
  '<cat:sets><cat:entrySet>',
  '</cat:entrySet></cat:sets>',
  '<!-- c -->',
  '<![CDATA[9]]>',
  '&amp;',
  'text',
  '<',
  '>',
  "<cat:entry URI='8'/>",
  '<cat:entry URI="a&#233;b"/>',
  '<cat:entry URI="a\nb"/>',
  '</x:entry>',
  '<cat:orientation>Sag</cat:orientation>',
  '<cat:dimensions x="1"/>',
  '<CAT:ENTRY/>',
]

describe('scanCatalog', () => {
  it('reads what XNAT writes, as the parser does', () => {
    expect(plain(scanCatalog(ofXnat))).toEqual(byParser(ofXnat))
    expect(scanCatalog(ofXnat)).toHaveLength(2)
    expect(plain(scanCatalog(ofSeries))).toEqual(byParser(ofSeries))
    expect(scanCatalog(ofSeries)).toHaveLength(1)
    expect(scanCatalog('<cat:DCMCatalog xmlns:cat="c"/>')).toEqual([])
  })

  it('leaves to the parser what it may take for something else', () => {
    const within = (text: string): string => `${head}<cat:entries>${text}</cat:entries></cat:Catalog>`
    for (const text of [
      within('<cat:entry URI="a&amp;b"/>'),
      within("<cat:entry URI='1'/>"),
      within('<cat:entry x:URI="1"/>'),
      within('<cat:entry URI="1"><cat:tags/></cat:entry>'),
      within(
        '<cat:entry URI="1"><cat:metaFields><cat:metaField name="SIZE"> 1</cat:metaField></cat:metaFields></cat:entry>',
      ),
      within('<!-- c -->'),
      ofXnat.slice(0, -5),
      `${ofXnat}<cat:Catalog/>`,
      '',
      '<html/>',
    ])
      expect(scanCatalog(text), text).toBeUndefined()
  })

  it('finds in any text what the parser finds, or nothing', () => {
    const anyPieces = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((some) => some.join(''))
    const changed = fc
      .tuple(fc.nat(ofXnat.length), fc.nat(30), fc.constantFrom('', '"', '<', '/', ' ', '>', 'x', ...pieces))
      .chain(([at, length, put]) =>
        fc.constantFrom(ofXnat, ofSeries).map((whole) => whole.slice(0, at) + put + whole.slice(at + length)),
      )
    const shuffled = fc
      .array(fc.constantFrom(...pieces.slice(1, 19)), { maxLength: 10 })
      .map((some) => `${head}<cat:entries>${some.join('')}</cat:entries></cat:Catalog>`)
    fc.assert(
      fc.property(fc.oneof(anyPieces, changed, shuffled), (text) => {
        const scanned = scanCatalog(text)
        if (scanned) expect(plain(scanned)).toEqual(byParser(text))
      }),
      { numRuns: 3000 },
    )
  })
})
