import type { Reader } from '../lib/reader.ts';
import type { Writer } from '../lib/writer.ts';

/** Both directions of one payload's body: what follows the generic payload header (RFC 7296 §3.2, RFC 2408 §3.2). */
export interface Codec<P extends { readonly type: number }> {
  /**
   * `body` ends where the payload ends; slices in the result are views of it. The generic header's bits are
   * not the codec's business. Throws Malformed.
   */
  decode(body: Reader, type: P['type']): P;
  /** Reserved bits are written as zero. */
  encode(payload: P, out: Writer): void;
}
