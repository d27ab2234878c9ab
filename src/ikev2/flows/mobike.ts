import { ExchangeType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError, NotifyStatus } from '../../iana/notify.ts';
import { ask } from '../../ike/flow.ts';
import { constantTimeEqual, equal } from '../../lib/bytes.ts';
import { formatIp } from '../../lib/ip.ts';
import { mayMoveTo } from '../../policy/address-match.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { Path } from '../../policy/sa.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import type { Circumstances } from '../extensions/extension.ts';
import {
  addressesIn,
  addressPayloads,
  furtherAddresses,
  natProhibition,
  wasChanged,
} from '../extensions/mobike.ts';
import { heedNat, isSeenElsewhere, natPayloads } from '../extensions/nat-detection.ts';
import { type Exchanged, type Flow, findNotify, type Message, notify, Refused, request } from '../flow.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import type { Turn } from '../moves.ts';
import { deleteIkeSa } from './delete.ts';
import { readdress } from './readdress.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {N(UPDATE_SA_ADDRESSES),
 *       [N(NAT_DETECTION_SOURCE_IP), N(NAT_DETECTION_DESTINATION_IP),]
 *       [N(ADDITIONAL_*_ADDRESS)+,] [N(NO_NATS_ALLOWED),]
 *       [N(COOKIE2)]}  -->
 *                               <--  HDR, SK {[N(NAT_DETECTION_SOURCE_IP),
 *                                        N(NAT_DETECTION_DESTINATION_IP),]
 *                                        [N(COOKIE2)]}                    RFC 4555 §3.5
 */

const COOKIE_LENGTH = 16;

/** Says what is to be said of our addresses, until nothing is left of it; each time from where we are by then. */
export function mobike(): Task {
  return {
    kind: 'mobike',
    subject: '',
    *run(sa) {
      let refusals = 0;
      for (let turn = sa.mobility.turn(); turn !== undefined; turn = sa.mobility.turn()) {
        const cookie = turn.verify ? sa.host.provider.random(COOKIE_LENGTH) : undefined;
        const response = yield* request(ExchangeType.INFORMATIONAL, payloadsOf(sa, turn, cookie));
        if (cookie !== undefined && !isEcho(findNotify(response, NotifyStatus.COOKIE2)?.data, cookie)) {
          // RFC 4555 §3.7: it answered without having seen what it was asked.
          yield* deleteIkeSa(sa, unroutable(sa.path));
          return;
        }
        // Something changed meanwhile: the answer does not tell which path works.
        if (turn.moves !== sa.mobility.count) sa.mobility.again(turn);
        else if (findNotify(response, NotifyError.UNEXPECTED_NAT_DETECTED) !== undefined) {
          // One packet that somebody changed is not to close a path (§3.9).
          if (++refusals <= sa.host.settings.retransmitTries) sa.mobility.again(turn);
          else yield* elsewhere(sa, NotifyError.UNEXPECTED_NAT_DETECTED);
        } else if (findNotify(response, NotifyError.UNACCEPTABLE_ADDRESSES) !== undefined)
          yield* elsewhere(sa, NotifyError.UNACCEPTABLE_ADDRESSES);
        else conclude(sa, turn, response);
      }
    },
  };
}

function isEcho(echo: Uint8Array | undefined, cookie: Uint8Array): boolean {
  return echo !== undefined && constantTimeEqual(echo, cookie);
}

function payloadsOf(
  sa: IkeSa,
  { update, addresses }: Turn,
  cookie: Uint8Array | undefined,
): readonly Payload[] {
  const here = circumstances(sa, sa.path);
  const list = addresses ? furtherAddresses(sa, sa.host.addresses, sa.virtualIps.local) : [];
  if (addresses) sa.peer.toldAddresses = list;
  return [
    ...(update ? [notify(NotifyStatus.UPDATE_SA_ADDRESSES)] : []),
    ...(update && sa.peer.natTraversal ? natPayloads(here) : []),
    ...addressPayloads(list),
    ...(addresses && list.length === 0 ? [notify(NotifyStatus.NO_ADDITIONAL_ADDRESSES)] : []),
    ...(update || addresses ? natProhibition(sa) : []),
    ...(cookie === undefined ? [] : [notify(NotifyStatus.COOKIE2, cookie)]),
  ];
}

function conclude(sa: IkeSa, { update, verify }: Turn, response: Exchanged): void {
  if (update) heedNat(response.payloads, circumstances(sa, sa.path));
  if (verify) sa.mobility.verified();
  else if (update) sa.moveChildren();
  if (update) readdress(sa);
}

/** Another path, where there is one that the peer has not refused. Throws Failed where there is none. */
function* elsewhere(sa: IkeSa, error: number): Flow<void> {
  // Its successor hears the same, and decides.
  if (sa.state === 'REKEYED') return;
  const { path, peer } = sa;
  const remotes = [path.remote.address, ...peer.addresses];
  const { paths } = yield* ask<'paths'>({ kind: 'paths', path, remotes });
  if (!sa.mobility.refused(paths)) throw new Failed(notAccepted(path, error));
}

/**
 * What there is to answer to a request that came by `path`, as far as it is about addresses. Where it asks for another
 * path, that has been taken (RFC 4555 §3.5), or the answer says why not.
 */
export function serveMobike(sa: IkeSa, message: Message, path: Path): readonly Payload[] {
  const { peer, mobility } = sa;
  if (!peer.mobike) return [];
  const { payloads } = message;
  const cookie = findNotify(message, NotifyStatus.COOKIE2)?.data;
  const echo = cookie !== undefined && isCookie(cookie) ? [notify(NotifyStatus.COOKIE2, cookie.slice())] : [];
  const update = !mobility.leads && findNotify(message, NotifyStatus.UPDATE_SA_ADDRESSES) !== undefined;
  const addresses = addressesIn(payloads, path);
  if ((update || addresses !== undefined) && wasChanged(payloads, path)) {
    sa.tellFailed(changed(path));
    return [notify(NotifyError.UNEXPECTED_NAT_DETECTED), ...echo];
  }
  if (update && !isAcceptable(sa, path)) {
    sa.tellFailed(unacceptable(sa, path));
    return [notify(NotifyError.UNACCEPTABLE_ADDRESSES), ...echo];
  }
  const asksForNat = findNotify(message, NotifyStatus.NAT_DETECTION_SOURCE_IP) !== undefined;
  const here = circumstances(sa, path);
  if (update) {
    if (addresses !== undefined) peer.addresses = addresses;
    heedNat(payloads, here);
    mobility.led(path);
  } else if (addresses !== undefined) {
    mobility.told(path);
    // RFC 4555 §3.6: where it speaks from is one of them too.
    const { address } = path.remote;
    peer.addresses = equal(address, sa.path.remote.address) ? addresses : [address, ...addresses];
  }
  return [...(asksForNat ? natPayloads(here) : []), ...echo];
}

/** Throws Refused, fatally, where something on the way changed the addresses of an IKE_AUTH request that forbids it (RFC 4555 §3.9). */
export function refuseIfChanged({ peer, path }: IkeSa, { payloads }: Message): void {
  if (peer.mobike && wasChanged(payloads, path))
    throw new Refused(notify(NotifyError.UNEXPECTED_NAT_DETECTED), changed(path), { fatal: true });
}

/** What is sent to see whether a NAT gives us the address that it gave us before (RFC 4555 §3.8). */
export function natProbe(sa: IkeSa): readonly Payload[] {
  const { peer, mobility, path } = sa;
  const isWanted = peer.mobike && mobility.leads && peer.natLocal && path.tcp !== true;
  return isWanted ? natPayloads(circumstances(sa, path)) : [];
}

/** Judges the answer to `natProbe`. */
export function judgeNatProbe(sa: IkeSa, response: Exchanged): void {
  if (natProbe(sa).length > 0 && isSeenElsewhere(response.payloads, sa.peer)) sa.mobility.remapped();
}

function isCookie({ length }: Uint8Array): boolean {
  return length >= 8 && length <= 64;
}

function isAcceptable({ connection }: IkeSa, { local, remote, tcp }: Path): boolean {
  if (tcp === true && connection.tcp === 'no') return false;
  return (
    mayMoveTo(connection.localAddresses, local.address) &&
    mayMoveTo(connection.remoteAddresses, remote.address)
  );
}

/** What is seen of a message that goes, or came, by `path`. */
function circumstances(sa: IkeSa, path: Path): Circumstances {
  const { host, connection, role, initiatorSpi, responderSpi, peer } = sa;
  return { host, connection, role, path, initiatorSpi, responderSpi, peer };
}

function unroutable({ remote }: Path): Failure {
  return {
    code: 'peer/address-not-shown',
    summary: `the answer of the peer at ${formatIp(remote.address)} lacks the cookie that it was sent: it does not show that it receives there`,
    remedy: 'see that the peer copies COOKIE2 (RFC 4555 §3.7), or set mobike to no',
  };
}

function notAccepted({ local, remote }: Path, error: number): Failure {
  const name = nameOf(NotifyError, error);
  const [from, to] = [formatIp(local.address), formatIp(remote.address)];
  return {
    code: 'peer/address-refused',
    summary: `the peer does not go on from ${from} to ${to}: ${name}`,
    ours: [`from ${from} to ${to}`],
    remedy:
      error === NotifyError.UNEXPECTED_NAT_DETECTED
        ? 'the peer does without NAT traversal, and something on the way changes addresses: remove it, or turn NAT traversal on at the peer'
        : 'allow the address at the peer, or reach it by another network',
    notify: name,
  };
}

function changed({ remote }: Path): Failure {
  return {
    code: 'peer/address-changed',
    summary: `something on the way changes the address of the peer, which now comes from ${formatIp(remote.address)} and does without NAT traversal`,
    notify: 'UNEXPECTED_NAT_DETECTED',
  };
}

function unacceptable({ connection }: IkeSa, { local, remote, tcp }: Path): Failure {
  const by = tcp === true ? ' over TCP' : '';
  return {
    code: 'config/address-not-allowed',
    summary: `${connection.name}: the peer wants to go on from ${formatIp(remote.address)} to ${formatIp(local.address)}${by}, where it may not be`,
    ours: [
      `local_addrs = ${connection.localAddresses.join(', ') || '%any'}`,
      `remote_addrs = ${connection.remoteAddresses.join(', ') || '%any'}`,
    ],
    theirs: [formatIp(remote.address)],
    remedy: `add ${formatIp(remote.address)} to remote_addrs of ${connection.name}, if the peer may be there`,
    notify: 'UNACCEPTABLE_ADDRESSES',
  };
}
