/**
 * `cygnet/wire`: IKE messages from octets and back, as the RFCs draw them. No cryptography happens here:
 * protection takes a cipher from whoever has the keys.
 */
export { Malformed } from '../lib/reader.ts';
export { detailDatagram, summarizeDatagram } from './describe.ts';
export {
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  type Header,
  type HeaderFault,
  HeaderFlag,
  HeaderMalformed,
} from './header.ts';
export { detailV2, summarizeV2 } from './v2/describe.ts';
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
export { type MessageCipher, openMessage, sealChain, sealMessage, unprotectedHead } from './v2/protect.ts';
export { checkMessage, type RuleViolation, unknownCritical } from './v2/rules.ts';
