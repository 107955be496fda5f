import { describe, expect, it } from 'vitest'
import { numberCell, parseItemFields, parseRows, parseTimeMs } from '../../../src/xnat/rows.js'

describe('parseRows', () => {
  it('reads the envelope as servers write it', () => {
    const text = '{"ResultSet":{"Result":[{"ID":"E1","label":"MR1S1","x":""}], "totalRecords": "1"}}'
    expect(parseRows(text)).toEqual([{ ID: 'E1', label: 'MR1S1', x: '' }])
  })

  it('makes strings of cells that are not', () => {
    expect(parseRows('{"ResultSet":{"Result":[{"a":1,"b":true,"c":null}]}}')).toEqual([{ a: '1', b: 'true' }])
  })

  it.each(['<html></html>', '{"items":[]}', '{"ResultSet":{}}', '[]', '{"ResultSet":{"Result":[{"ID":"E'])(
    'refuses %j, which is no table',
    (text) => {
      expect(() => parseRows(text)).toThrow()
    },
  )
})

describe('parseItemFields', () => {
  it('reads the fields of the first item', () => {
    const text = '{"items":[{"meta":{},"data_fields":{"ID":"E1","dcmPatientWeight":83.91},"children":[]}]}'
    expect(parseItemFields(text)).toEqual({ ID: 'E1', dcmPatientWeight: '83.91' })
  })
})

describe('numberCell', () => {
  it('has no number where the server has none', () => {
    const row = { size: '12', empty: '', text: 'n/a' }
    expect([
      numberCell(row, 'size'),
      numberCell(row, 'empty'),
      numberCell(row, 'text'),
      numberCell(row, 'no'),
    ]).toEqual([12, undefined, undefined, undefined])
  })
})

describe('parseTimeMs', () => {
  it.each([
    ['2021-03-18 11:36:15.236', new Date(2021, 2, 18, 11, 36, 15, 236)],
    ['2026-02-02 14:54:42.62', new Date(2026, 1, 2, 14, 54, 42, 620)],
    ['2026-02-02 14:54:44.225298', new Date(2026, 1, 2, 14, 54, 44, 225)],
    ['2021-03-18 11:36:15.0', new Date(2021, 2, 18, 11, 36, 15)],
    ['2019-01-09T18:05:57.343', new Date(2019, 0, 9, 18, 5, 57, 343)],
    ['2020-12-17', new Date(2020, 11, 17)],
  ])('reads %s', (text, date) => {
    expect(parseTimeMs(text)).toBe(date.getTime())
  })

  it('knows no time of what is none', () => {
    for (const text of [undefined, '', 'yesterday', '08:52:11.146']) expect(parseTimeMs(text)).toBeUndefined()
  })
})
