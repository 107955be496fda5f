export type StoringFault =
  | { readonly kind: 'swallow' }
  | { readonly kind: 'store-as'; readonly suffix: string }
  | { readonly kind: 'store-short'; readonly bytes: number }
  | { readonly kind: 'catalog-conflict' }

/** What the fault table wants done to one request, ready to be asked for where it happens. */
export interface ResponseEffects {
  readonly delayMs: number
  /** Answer with this status instead of handling the request. */
  readonly status?: { readonly status: number; readonly html?: string | undefined } | undefined
  readonly loginPage: boolean
  /** Something happens to the response body after this many bytes. */
  readonly cut?: { readonly kind: 'drop' | 'truncate' | 'stall'; readonly afterBytes: number } | undefined
  /** The connection goes after this many bytes of the request body were read. */
  readonly cutUploadAfter?: number | undefined
  /** Added to what Content-Length and the total of Content-Range claim. */
  readonly lengthDelta: number
  /** Added to the sizes in listings and catalogs. */
  readonly listingSizeDelta: number
  /** Index of the body byte to flip. */
  readonly corruptAt?: number | undefined
  readonly ignoreRange: boolean
  /** What becomes of the files of an upload in place of their being stored. */
  readonly storing?: StoringFault | undefined
}

export const NO_EFFECTS: ResponseEffects = {
  delayMs: 0,
  loginPage: false,
  lengthDelta: 0,
  listingSizeDelta: 0,
  ignoreRange: false,
}
