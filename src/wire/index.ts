/**
 * `cygnet/wire`: IKE messages from octets and back, as the RFCs draw them. No cryptography happens here:
 * protection takes a cipher from whoever has the keys.
 */
export { Malformed } from '../lib/reader.ts';
export {
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  type Header,
  type HeaderFault,
  HeaderFlag,
  HeaderMalformed,
} from './header.ts';
export { FRAGMENT_LIMITS, type FragmentLimits, Reassembly } from './v2/fragments.ts';
export {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  type Message,
  type MessageFields,
  type PayloadChain,
} from './v2/message.ts';
export type * from './v2/payload.ts';
export { type MessageCipher, openMessage, sealChain, sealMessage } from './v2/protect.ts';
