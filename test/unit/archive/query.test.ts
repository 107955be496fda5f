import { describe, expect, it } from 'vitest'
import { parseQuery, typePattern } from '../../../src/archive/query.js'

describe('a question in a directory name', () => {
  it('becomes the parameters of REST', () => {
    expect(
      parseQuery('experiments', 'xsiType=xnat:petSessionData&date=2007-01-31..2007-03-30&label=a*'),
    ).toEqual({
      filters: { date: '01/31/2007-03/30/2007', label: 'a*' },
      xsiTypes: ['xnat:petSessionData'],
    })
    expect(parseQuery('subjects', 'ID=X1,X2')).toEqual({ filters: { ID: 'X1,X2' }, xsiTypes: [] })
  })

  it.each([
    ['2007-01-31', '01/31/2007'],
    ['2007-01-31,2008-02-01..2008-02-09', '01/31/2007,02/01/2008-02/09/2008'],
    ['2007-01-31..', '01/31/2007-12/31/9999'],
    ['..2007-01-31', '01/01/1000-01/31/2007'],
    ['01%2F31%2F2007-03%2F30%2F2007', '01/31/2007-03/30/2007'],
    ['1%2F3%2F2007', '1/3/2007'],
  ])('the date %s is %s there', (here, there) => {
    expect(parseQuery('experiments', `date=${here}`)?.filters['date']).toBe(there)
  })

  it.each([
    'date=2007',
    'date=..',
    'date=2007-01-31..2007-02-01..2007-03-01',
    'date=2007-01-31-2007-02-01',
    'label=',
    'label',
    'label=a&label=b',
    'unknown=a',
    'label=a&unknown=b',
    'xsiType=,',
    '',
  ])('%j is none', (name) => {
    expect(parseQuery('experiments', name)).toBeUndefined()
  })

  it('asks no subject for what only experiments have', () => {
    expect(parseQuery('subjects', 'date=2007-01-31')).toBeUndefined()
    expect(parseQuery('subjects', 'xsiType=xnat:mrSessionData')).toBeUndefined()
  })

  it('compares types with stars', () => {
    expect(typePattern('xnat:*SessionData').test('xnat:petSessionData')).toBe(true)
    expect(typePattern('xnat:*SessionData').test('xnat:subjectVariablesData')).toBe(false)
    expect(typePattern('x.at:mrSessionData').test('xnat:mrSessionData')).toBe(false)
  })
})
