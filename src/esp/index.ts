/**
 * ESP without any operating system: packets sealed and opened in the caller's buffers, the replay window,
 * traffic selectors and the choice of an SA. Ciphers come from a CryptoProvider.
 */
export type { PacketCipher, PacketCipherSpec, PacketOptions } from '../crypto/provider.ts';
export { decapsulatedEcn, propagateEcn, trafficClassOf } from './ecn.ts';
export { ESP_HEADER_LENGTH, NextHeader, spiOf } from './header.ts';
export { InboundEsp, type InboundOptions, type Opened, type OpenRefusal } from './inbound.ts';
export { IpPacket, OPAQUE, UNKNOWN_PROTOCOL } from './ip-packet.ts';
export { classifyNatT, type NatTraversalKind, NON_ESP_MARKER_LENGTH } from './nat-traversal.ts';
export { OutboundEsp, type OutboundOptions } from './outbound.ts';
export { MAXIMUM_REPLAY_WINDOW, type ReplayVerdict, ReplayWindow } from './replay-window.ts';
export { Selector, SelectorPair } from './selector.ts';
export { Spd } from './spd.ts';
export { type TransportPayload, transportPacket, transportPayload } from './transport-mode.ts';
