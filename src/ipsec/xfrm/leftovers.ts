import { formatIp, type IpAddress } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import type { Mark } from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import { type NetlinkMessage, readAttributes } from '../../sys/netlink/message.ts';
import type { NetlinkSocket } from '../../sys/netlink/socket.ts';
import { NetlinkWriter } from '../../sys/netlink/writer.ts';
import type { Route } from '../../sys/routing/route.ts';
import { AF_INET } from '../../sys/socket-address.ts';
import { Attribute, Direction, Message } from './numbers.ts';
import { isSealedPolicy, isSealedState } from './seal.ts';
import { encodeStateId, readSequence, readState } from './state.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface RouteStore {
  routes(table: number): readonly Route[];
  deleteRoute(route: Route): void;
}

/** How much of each was found, and taken out. */
export interface Leftovers {
  readonly states: number;
  readonly policies: number;
  readonly routes: readonly Route[];
}

/**
 * Takes out what a daemon that was killed left behind, and nothing else: states and policies that bear our seal, and
 * the routes of `table` that belonged to those policies. Whoever calls it must know that no other daemon of ours is
 * alive in this network namespace. Throws SystemFailure.
 */
export function removeLeftovers(
  kernel: Pick<NetlinkSocket, 'request' | 'dump'>,
  routing: RouteStore,
  table: number | undefined,
): Leftovers {
  const states = kernel
    .dump({ type: Message.GETSA, body: new Uint8Array(0) })
    .filter(message => remove(kernel, Message.DELSA, sealedState(message))).length;
  const policies = kernel
    .dump({ type: Message.GETPOLICY, body: new Uint8Array(0) })
    .map(sealedPolicy)
    .filter(policy => policy !== undefined);
  for (const { body } of policies) remove(kernel, Message.DELPOLICY, body);
  const places = new Set(policies.map(({ place }) => place));
  const routes = (table === undefined ? [] : routing.routes(table)).filter(({ destination, prefix }) =>
    places.has(placeOf(destination, prefix)),
  );
  for (const route of routes) quietly(() => routing.deleteRoute(route));
  return { states, policies: policies.length, routes };
}

/** The request to delete a state, where it is ours. */
function sealedState({ body }: NetlinkMessage): Uint8Array | undefined {
  try {
    if (!isSealedState(readSequence(body))) return undefined;
    return encodeStateId(readState(body), markOf(body));
  } finally {
    body.fill(0); // it has the keys
  }
}

function markOf(state: Uint8Array): Mark | undefined {
  const mark = readAttributes(state, STATE_LENGTH).get(Attribute.MARK);
  if (mark === undefined || mark.length < 8) return undefined;
  const view = new DataView(mark.buffer, mark.byteOffset);
  return { value: view.getUint32(0, true), mask: view.getUint32(4, true) };
}

/** struct xfrm_usersa_info */
const STATE_LENGTH = 224;
/** struct xfrm_userpolicy_info, and where its parts lie. */
const POLICY_LENGTH = 168;
const SELECTOR_LENGTH = 56;
const FAMILY_AT = 40;
const PREFIX_AT = 42;
const INDEX_AT = 156;
const DIRECTION_AT = 160;

/** The request to delete a policy that is ours, and where its packets go if it is one of the way out. */
function sealedPolicy({
  body,
}: NetlinkMessage): { readonly body: Uint8Array; readonly place: string | undefined } | undefined {
  if (body.length < POLICY_LENGTH) throw new Malformed('xfrm_userpolicy_info cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const index = view.getUint32(INDEX_AT, true);
  if (!isSealedPolicy(index)) return undefined;
  const direction = body[DIRECTION_AT] as number;
  const writer = new NetlinkWriter().bytes(body.subarray(0, SELECTOR_LENGTH));
  writer.u32(index).u8(direction).zeros(3);
  const attributes = readAttributes(body, POLICY_LENGTH);
  for (const type of [Attribute.MARK, Attribute.IF_ID]) {
    const value = attributes.get(type);
    if (value !== undefined) writer.attribute(type, value);
  }
  const length = view.getUint16(FAMILY_AT, true) === AF_INET ? 4 : 16;
  const place = placeOf(body.subarray(0, length), body[PREFIX_AT] as number);
  return { body: writer.finish(), place: direction === Direction.OUT ? place : undefined };
}

function placeOf(destination: IpAddress, prefix: number): string {
  return `${formatIp(destination)}/${prefix}`;
}

/** False where there is nothing to remove. */
function remove(kernel: Pick<NetlinkSocket, 'request'>, type: number, body: Uint8Array | undefined): boolean {
  if (body === undefined) return false;
  quietly(() => kernel.request({ type, body }));
  return true;
}

/** What went by itself meanwhile need not be taken away. */
function quietly(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof SystemFailure && (error.code === 'ESRCH' || error.code === 'ENOENT'))) throw error;
  }
}
