import { failureShape } from './failure.ts';
import { counter, flag, many, number, optional, record, text, texts, type ValueOf, word } from './shape.ts';

/** One SA with given keys, as `cygnet-status` and `cygnet-sa-list` tell of it: all but the keys. */
export const manualSaShape = record({
  id: number,
  name: text,
  state: word<'INSTALLED' | 'EXPIRED' | 'FAILED'>(),
  /** Whether it stands in a directory; else a client added it. */
  configured: flag,
  protocol: word<'esp' | 'ah'>(),
  mode: text,
  proposal: text,
  local: text,
  remote: text,
  udpEncapsulation: flag,
  /** Eight hex digits. */
  spiIn: text,
  spiOut: text,
  reqid: number,
  localTs: texts,
  remoteTs: texts,
  bytesIn: counter,
  packetsIn: counter,
  bytesOut: counter,
  packetsOut: counter,
  installedAt: optional(number),
  /** When its life ends, where that is limited. */
  expiresAt: optional(number),
  failure: optional(failureShape),
});

/** What `cygnet-sa-list` answers. */
export const manualListShape = record({ now: number, sas: many(manualSaShape) });

export type ManualSaView = ValueOf<typeof manualSaShape>;
