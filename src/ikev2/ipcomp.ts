import { PayloadType } from '../iana/ikev2.ts';
import { IpcompTransform, NotifyStatus } from '../iana/notify.ts';
import { readU16, writeU16 } from '../lib/bytes.ts';
import type { ChildConfig } from '../policy/connection.ts';
import { crossesFamilies } from '../policy/narrowing.ts';
import type { Payload } from '../wire/v2/payload.ts';
import { all, type Message, notify } from './flow.ts';
import type { IkeSa } from './ike-sa.ts';

/*
 * Compression of packets (RFC 7296 §2.22): who sends IPCOMP_SUPPORTED takes packets that were compressed so, and with
 * that CPI. Both ends do, or neither; that of the responder answers that of the initiator.
 */

/** CPIs below are of well-known algorithms or reserved (RFC 3173 §3.3). */
const FIRST_CPI = 256;

/**
 * Whether `config` asks for compression where it can be had. Translated addresses would have to be translated inside
 * of the encryption too, so that other implementations refuse it there, and Linux has none in BEET mode; what would
 * carry one family of addresses in the other it loses.
 */
export function wantsCompression({ host, peer, path }: IkeSa, config: ChildConfig): boolean {
  if (config.ipcomp !== true || host.features.ipcomp !== true) return false;
  return !peer.encapsulate && config.mode !== 'beet' && !crossesFamilies(config, path);
}

/** The notify that says under which CPI we take packets compressed with DEFLATE; none where `cpi` is undefined. */
export function compressionPayloads(cpi: number | undefined): readonly Payload[] {
  if (cpi === undefined) return [];
  const data = new Uint8Array(3);
  writeU16(data, 0, cpi);
  data[2] = IpcompTransform.IPCOMP_DEFLATE;
  return [notify(NotifyStatus.IPCOMP_SUPPORTED, data)];
}

/** Whether the message speaks of compression, with whatever algorithm. */
export function speaksOfCompression(message: Message): boolean {
  return offersIn(message).length > 0;
}

/** The CPI under which the sender takes packets compressed with DEFLATE; undefined where it does not say so. */
export function compressionIn(message: Message): number | undefined {
  for (const { data } of offersIn(message)) {
    if (data.length < 3 || data[2] !== IpcompTransform.IPCOMP_DEFLATE) continue;
    const cpi = readU16(data, 0);
    if (cpi >= FIRST_CPI) return cpi;
  }
  return undefined;
}

function offersIn(message: Message) {
  return all(message, PayloadType.Notify).filter(
    ({ notifyType }) => notifyType === NotifyStatus.IPCOMP_SUPPORTED,
  );
}
