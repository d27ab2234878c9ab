import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { addressOf, allocate } from './memory.ts';
import { domainOf, readSocketAddress, SOCKET_ADDRESS_ROOM, type SocketEndpoint } from './socket-address.ts';

const EAFNOSUPPORT = 97;
const XFRM_POLICY_IN = 0;
const XFRM_POLICY_OUT = 1;
/** IP_XFRM_POLICY and IPV6_XFRM_POLICY, each with its level. */
const OPTION = { 4: [0, 17], 6: [41, 35] } as const;

/** What the socket is bound to, with the real port. Throws SystemFailure. */
export function localOf(libc: Libc, fd: number): SocketEndpoint {
  return endOf(libc, fd, 'getsockname');
}

/** What the socket is connected to. Throws SystemFailure. */
export function remoteOf(libc: Libc, fd: number): SocketEndpoint {
  return endOf(libc, fd, 'getpeername');
}

/** IKE must not be caught by the SAs that it makes. Needs CAP_NET_ADMIN; throws SystemFailure. */
export function exemptFromIpsec(libc: Libc, fd: number, family: 4 | 6): void {
  const [level, option] = OPTION[family];
  for (const direction of [XFRM_POLICY_IN, XFRM_POLICY_OUT]) {
    const policy = bypass(family, direction);
    const result = libc.setsockopt(fd, level, option, addressOf(policy), policy.length);
    checked(libc, result, 'setsockopt xfrmPolicy');
  }
}

function endOf(libc: Libc, fd: number, call: 'getsockname' | 'getpeername'): SocketEndpoint {
  const name = allocate(SOCKET_ADDRESS_ROOM);
  const length = allocate(4);
  length.words[0] = SOCKET_ADDRESS_ROOM;
  checked(libc, libc[call](fd, name.address, length.address), call);
  const end = readSocketAddress(name.bytes);
  if (end === undefined) throw new SystemFailure(EAFNOSUPPORT, call);
  return end;
}

/** struct xfrm_userpolicy_info (168 octets) that allows everything, without templates: family at 40 of the selector's 56, direction at 160. */
function bypass(family: 4 | 6, direction: number): Uint8Array {
  const policy = new Uint8Array(168);
  policy[40] = domainOf(family);
  policy[160] = direction;
  return policy;
}
