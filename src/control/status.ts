import { failureShape } from './failure.ts';
import { manualSaShape } from './manual.ts';
import { counter, flag, many, number, optional, record, text, texts, type ValueOf, word } from './shape.ts';

/**
 * What `cygnet-status` answers: all that is configured, wanted and up, with what failed last. Instants are
 * milliseconds since the epoch of the daemon's clock (`now` says what it shows). The sections carry the same names.
 */
export type DaemonStatus = ValueOf<typeof statusShape>;
export type ConnectionView = ValueOf<typeof connectionShape>;
export type IkeSaView = ValueOf<typeof ikeSaShape>;
export type ChildSaView = ValueOf<typeof childSaShape>;
export type AttemptView = ValueOf<typeof attemptShape>;
/** What `cygnet-explain` answers about one connection. */
export type Explanation = ValueOf<typeof explanationShape>;

const childSaShape = record({
  id: number,
  name: text,
  reqid: number,
  state: text,
  protocol: word<'esp' | 'ah'>(),
  mode: text,
  udpEncapsulation: flag,
  /** Eight hex digits. */
  spiIn: text,
  spiOut: text,
  /** Four hex digits each; absent where packets are not compressed. */
  cpiIn: optional(text),
  cpiOut: optional(text),
  /** Keywords, such as `aes256gcm16-x25519`. */
  proposal: text,
  esn: flag,
  localTs: texts,
  remoteTs: texts,
  bytesIn: counter,
  packetsIn: counter,
  bytesOut: counter,
  packetsOut: counter,
  installedAt: optional(number),
  rekeyAt: optional(number),
  expiresAt: optional(number),
});

const ikeSaShape = record({
  id: number,
  version: number,
  state: text,
  /** What the running conversation waits for, in words. */
  phase: optional(text),
  role: word<'initiator' | 'responder'>(),
  /** `address:port`, IPv6 in brackets. */
  local: text,
  remote: text,
  localId: optional(text),
  remoteId: optional(text),
  /** Sixteen hex digits. */
  initiatorSpi: text,
  responderSpi: text,
  natLocal: flag,
  natRemote: flag,
  /** IKE and ESP go by a TCP connection. */
  tcp: flag,
  /** Both ends may move; and where else the peer says it can be reached. */
  mobike: optional(flag),
  remoteAddresses: optional(texts),
  /** A post-quantum pre-shared key is in the keys (RFC 8784). */
  ppk: optional(flag),
  proposal: optional(text),
  establishedAt: optional(number),
  rekeyAt: optional(number),
  reauthAt: optional(number),
  /** Virtual IPs that the peer gave us, and those that we gave the peer. */
  localVips: optional(texts),
  remoteVips: optional(texts),
  /** What the peer told us along with ours, such as `dns` and its address. */
  received: optional(many(record({ kind: text, value: text }))),
  tasksQueued: texts,
  tasksActive: texts,
  children: many(childSaShape),
});

/** One thing that happened to a connection. */
const attemptShape = record({
  at: number,
  outcome: word<'up' | 'down' | 'failed'>(),
  role: word<'initiator' | 'responder'>(),
  child: optional(text),
  remote: text,
  failure: optional(failureShape),
});

const configuredChildShape = record({
  name: text,
  mode: text,
  /** As configured: `dynamic` or selectors. */
  localTs: texts,
  remoteTs: texts,
  startAction: text,
});

const connectionShape = record({
  name: text,
  /** 0 is any. */
  version: number,
  localAddresses: texts,
  remoteAddresses: texts,
  localId: optional(text),
  remoteId: optional(text),
  children: many(configuredChildShape),
  ikeSas: many(ikeSaShape),
  lastFailure: optional(attemptShape),
});

export const statusShape = record({
  daemon: text,
  version: text,
  now: number,
  startedAt: number,
  backend: text,
  /** `address:port` of each socket that IKE is spoken on. */
  listening: texts,
  connections: many(connectionShape),
  /** SAs with given keys; absent where there are none. */
  manual: optional(many(manualSaShape)),
});

export const explanationShape = record({
  connection: connectionShape,
  now: number,
  /** What is configured, in the configuration's own words: proposals, identities, authentication. */
  facts: many(record({ topic: text, values: texts })),
  /** Oldest first. */
  attempts: many(attemptShape),
});
