/**
 * `cygnet/wire`: IKE messages from octets and back, as the RFCs draw them. No cryptography happens here:
 * protection takes a cipher from whoever has the keys.
 */
export { Malformed } from '../lib/reader.ts';
export type { PayloadChain } from './chain.ts';
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
export { attributeNumber, decodeV1Attributes, encodeV1Attributes } from './v1/attribute.ts';
export { detailV1, summarizeV1 } from './v1/describe.ts';
export { splitV1Message, V1_FRAGMENT_LIMITS, type V1FragmentLimits, V1Reassembly } from './v1/fragments.ts';
export {
  afterHash,
  decodeV1Message,
  decodeV1Payloads,
  encodeV1Body,
  encodeV1Message,
  encodeV1Payloads,
  prependHash,
  type V1Message,
  type V1MessageFields,
  type V1Payloads,
} from './v1/message.ts';
export type * from './v1/payload.ts';
export { openV1Message, sealV1Message, type V1Cipher, type V1Opened, type V1Sealed } from './v1/protect.ts';
export { checkV1Message, type V1RuleViolation } from './v1/rules.ts';
export { detailV2, summarizeV2 } from './v2/describe.ts';
export { FRAGMENT_LIMITS, type FragmentLimits, Reassembly } from './v2/fragments.ts';
export {
  decodeMessage,
  decodePayloads,
  encodeBody,
  encodeMessage,
  encodePayloads,
  type Message,
  type MessageFields,
} from './v2/message.ts';
export type * from './v2/payload.ts';
export { type MessageCipher, openMessage, sealChain, sealMessage, unprotectedHead } from './v2/protect.ts';
export { checkMessage, type RuleViolation, unknownCritical } from './v2/rules.ts';
