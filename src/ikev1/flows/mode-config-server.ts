import { ModeCfgAttribute, ModeCfgType } from '../../iana/ikev1.ts';
import { isFor } from '../../ike/crossing.ts';
import { leaseAddresses, releaseVirtualIps } from '../../ike/virtual-ips.ts';
import { type IpAddress, isUnspecified } from '../../lib/ip.ts';
import { utf8 } from '../../lib/text.ts';
import { Failed } from '../../policy/failure.ts';
import { formatIdentity } from '../../policy/identity.ts';
import type { ConfigurationAttribute } from '../../policy/pool.ts';
import type { V1Attribute, V1AttributesPayload } from '../../wire/v1/payload.ts';
import { type Flow, send } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import type { Task } from '../isakmp-sa.ts';
import { isUnity, supportedAttributes, toWire, wantedIn } from '../mode-config.ts';
import { answerTo, type Transacting } from '../transacting.ts';
import { userName } from '../xauth-users.ts';
import { transact } from './transact.ts';

/** The picture is in mode-config-client.ts. */

/** What we call ourselves to a peer that asks; of which version is nobody's business. */
const APPLICATION_VERSION = 'cygnet';

/** A client that is told without asking has one address of IPv4. */
const PUSHED: readonly IpAddress[] = [new Uint8Array(4)];

/** Tells the peer its virtual IP; at its end the SA is established. */
export function pushAddresses(sa: Transacting): Task {
  return { kind: 'mode-config', subject: '', run: () => pushing(sa) };
}

function* pushing(sa: Transacting): Flow<void> {
  const told = yield* lease(sa, PUSHED);
  const attributes = [...addressesOf(sa), ...told].filter(one => sa.peer.unity || !isUnity(one));
  yield* transact(sa, ModeCfgType.ISAKMP_CFG_SET, attributes);
  sa.configured();
}

/**
 * Answers what a peer asks for, and what else the pools say: those attributes that are Unity's only where the peer knows
 * them. Where there is no address for it the rest is answered nevertheless, and Failed thrown.
 */
export function* answerRequest(sa: Transacting, asked: V1AttributesPayload): Flow<void> {
  const types = new Set(asked.attributes.map(({ type }) => type));
  const wanted = wantedIn(asked.attributes);
  let told: readonly V1Attribute[] = [];
  let obstacle: Failed | undefined;
  try {
    if (wanted.length > 0) told = yield* lease(sa, wanted);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    obstacle = error;
  }
  const attributes = [
    ...addressesOf(sa),
    ...told.filter(one => sa.peer.unity || types.has(one.type) || !isUnity(one)),
    ...ofOurselves(types),
  ];
  yield* send({ payloads: [answerTo(asked, attributes)], hash: HASH_1 });
  if (obstacle !== undefined) throw obstacle;
}

/** The peer's virtual IPs, the same however often it asks. Throws Failed where there are none. */
function* lease(sa: Transacting, wanted: readonly IpAddress[]): Flow<readonly V1Attribute[]> {
  const { progress } = sa;
  if (sa.virtualIps.lease === undefined) {
    const identity = progress.user === undefined ? formatIdentity(sa.remoteId) : userName(progress.user);
    const asked = asBefore(sa, wanted);
    const { vips, attributes } = yield* leaseAddresses(sa, identity, asked);
    // Two requests at once.
    if (sa.virtualIps.lease !== undefined) releaseVirtualIps(sa, vips);
    else {
      sa.virtualIps = { ...vips, local: sa.virtualIps.local, received: sa.virtualIps.received };
      progress.told = attributes;
    }
  }
  return toWire(progress.told);
}

/** Where any address will do, the one that the peer has by the SA that this one takes the place of. */
function asBefore(sa: Transacting, wanted: readonly IpAddress[]): readonly IpAddress[] {
  const left = sa
    .siblings()
    .filter(other => isFor({ connection: other.connection.name, path: other.path }, sa.connection, sa.path))
    .flatMap(({ virtualIps }) => virtualIps.remote);
  return wanted.map(address => {
    const at = isUnspecified(address) ? left.findIndex(({ length }) => length === address.length) : -1;
    return at < 0 ? address : (left.splice(at, 1)[0] as IpAddress);
  });
}

function addressesOf({ virtualIps }: Transacting): readonly V1Attribute[] {
  return toWire(virtualIps.remote.map((address): ConfigurationAttribute => ({ kind: 'address', address })));
}

function ofOurselves(types: ReadonlySet<number>): readonly V1Attribute[] {
  const { APPLICATION_VERSION: version, SUPPORTED_ATTRIBUTES: supported } = ModeCfgAttribute;
  return [
    ...(types.has(version) ? [{ type: version, value: utf8(APPLICATION_VERSION) }] : []),
    ...(types.has(supported) ? [{ type: supported, value: supportedAttributes() }] : []),
  ];
}
