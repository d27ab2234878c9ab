/** An identity as IKE carries it: the ID type of IKEv2 (IKEv1 uses the same numbers where both have them) and its octets. */
export interface Identity {
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a configuration asks of a peer's identity. */
export type IdentityPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly identity: Identity }
  /** `*@example.org`, `*.example.org`, DNs with `*` values, and `^…$` regular expressions, on the text form. */
  | { readonly kind: 'pattern'; readonly text: string };
