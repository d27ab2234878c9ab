import { PayloadType } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { leaseAddresses, takeAddresses } from '../../ike/virtual-ips.ts';
import type { IpAddress } from '../../lib/ip.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity } from '../../policy/identity.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import { configurationIn, configurationReply, requestedAddresses } from '../configuration.ts';
import { type Flow, first, type Message, notify, Refused } from '../flow.ts';
import type { IkeSa } from '../ike-sa.ts';
import { hasChild } from './auth.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {IDi, AUTH, CP(CFG_REQUEST),
 *       SAi2, TSi, TSr}  -->
 *                               <--  HDR, SK {IDr, AUTH, CP(CFG_REPLY),
 *                                        SAr2, TSi, TSr}                  RFC 7296 §2.19
 */

/** Whether the peer's answer has a configuration for us. */
export function hasConfiguration(response: Message): boolean {
  const cp = first(response, PayloadType.CP);
  return cp !== undefined && configurationIn(cp) !== undefined;
}

/** Takes what the peer gives us: from now on the SA has it. Throws Failed with nothing taken. */
export function* acceptConfiguration(sa: IkeSa, response: Message): Flow<void> {
  const cp = first(response, PayloadType.CP);
  const { addresses, received } = (cp && configurationIn(cp)) ?? { addresses: [], received: [] };
  sa.virtualIps = yield* takeAddresses(sa.host, sa.connection, sa.path, addresses, received);
}

/** What the responder says of the configuration. */
export interface Configured {
  readonly payloads: readonly Payload[];
  /** Why there is to be no child: without its address the peer could do nothing with one (RFC 7296 §3.10.1). */
  readonly refusal?: Refused;
}

/** Gives the peer the addresses that it asks for: from now on the SA has them. */
export function* serveConfiguration(sa: IkeSa, message: Message): Flow<Configured> {
  const cp = first(message, PayloadType.CP);
  const wanted = (cp && requestedAddresses(cp)) ?? [];
  if (wanted.length === 0) {
    const lacks = sa.connection.pools.length > 0 && hasChild(message);
    return lacks ? { payloads: [], refusal: configurationRequired(sa.connection) } : { payloads: [] };
  }
  try {
    return { payloads: [yield* granted(sa, wanted)] };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return {
      payloads: [],
      refusal: new Refused(notify(NotifyError.INTERNAL_ADDRESS_FAILURE), error.failure),
    };
  }
}

function* granted(sa: IkeSa, wanted: readonly IpAddress[]): Flow<Payload> {
  const { vips, attributes } = yield* leaseAddresses(sa, formatIdentity(sa.remoteId), wanted);
  sa.virtualIps = vips;
  return configurationReply(vips.remote, attributes);
}

function configurationRequired({ name, pools }: Connection): Refused {
  const failure: Failure = {
    code: 'peer/address-not-asked',
    summary: `${name}: the peer asks for no virtual IP, and is to have one of ${pools.join(', ')}`,
    ours: pools.map(pool => `pool ${pool}`),
    theirs: ['no CFG_REQUEST'],
    remedy: `have the peer ask for one (vips = 0.0.0.0), or take pools out of ${name}`,
    notify: 'FAILED_CP_REQUIRED',
  };
  return new Refused(notify(NotifyError.FAILED_CP_REQUIRED), failure);
}
