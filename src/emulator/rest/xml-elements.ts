import { canonicalType, rootElement } from '../store/xsi-types.js'

/** The data type a root element of an item's document stands for. */
export function elementType(element: string): string | undefined {
  return byElement(element) ?? canonicalType(element)
}

/** `xnat:MRSession` is `xnat:mrSessionData`, and so on. */
function byElement(element: string): string | undefined {
  const candidates = [`${element}Data`, element.replace(/Assessment$/, 'AssessorData')]
  for (const candidate of candidates) {
    const type = canonicalType(candidate)
    if (type !== undefined && rootElement(type) === element) return type
  }
  return element === 'xdat:stored_search' || element === 'xdat:bundle' ? 'xdat:stored_search' : undefined
}
