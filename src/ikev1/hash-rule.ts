/** Which HASH stands in front of a message (RFC 2409 §5.5, §5.7): HASH(1), unless nonces make it another. */
export type HashRule =
  | { readonly number: 1 }
  | { readonly number: 2; readonly ni: Uint8Array }
  | { readonly number: 3; readonly ni: Uint8Array; readonly nr: Uint8Array };

export const HASH_1: HashRule = { number: 1 };
