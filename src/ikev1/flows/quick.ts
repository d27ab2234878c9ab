import { type KeyExchange, keyExchangeOf } from '../../crypto/ke/key-exchange.ts';
import { privateExchange } from '../../crypto/ke/private-group.ts';
import { quickModeKeys } from '../../crypto/keymat-v1.ts';
import type { Nonces } from '../../crypto/keymat-v2.ts';
import { CryptoFailure } from '../../crypto/provider.ts';
import { V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { KeMethod } from '../../iana/transforms.ts';
import { type ChildKeys, type ChildSa, kernelOf, type Reserved } from '../../ike/child.ts';
import { tellChosen } from '../../ike/steps.ts';
import { dynamicHosts } from '../../ike/virtual-ips.ts';
import { EMPTY } from '../../lib/bytes.ts';
import type { Secret } from '../../lib/secret.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { addressIdentity } from '../../policy/identity.ts';
import { resolveSelectors } from '../../policy/narrowing.ts';
import type { DirectionKeys, IpsecMode } from '../../policy/sa.ts';
import { formatSelector } from '../../policy/selector-text.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import type { V1NatOaPayload, V1SaPayload } from '../../wire/v1/payload.ts';
import { type About, first, type Message, Refused } from '../flow.ts';
import type { IsakmpSa, Role } from '../isakmp-sa.ts';
import { protocolNumber, type QuickSuite } from '../quick-proposal.ts';
import { spiOctets } from '../quick-transform.ts';

/*
 *   Initiator                                  Responder
 *   HDR*, HASH(1), SA, Ni
 *       [, KE ] [, IDci, IDcr ]         -->
 *                                       <--    HDR*, HASH(2), SA, Nr
 *                                                  [, KE ] [, IDci, IDcr ]
 *   HDR*, HASH(3)                       -->                                      RFC 2409 §5.5
 */

export const NONCE_LENGTH = 32;
const LONGEST_NONCE = 256;

/** The traffic of one quick mode: IDci and IDcr have room for one selector each. */
export interface Selectors {
  readonly local: TrafficSelector;
  readonly remote: TrafficSelector;
}

/** Our half of a key exchange of quick mode's own (PFS). */
export interface Half {
  readonly publicValue: Uint8Array;
  finish(peer: Uint8Array): Secret;
}

/** Undefined for the group that is none. Throws Failed. */
export function startExchange(sa: IsakmpSa, group: number): Half | undefined {
  return group === KeMethod.NONE ? undefined : methodOf(sa, group).initiate();
}

/** The secret of the initiator's half and the peer's value. Throws Refused. */
export function endExchange(half: Half | undefined, message: Message, about: About): Secret | undefined {
  const ke = first(message, V1PayloadType.KE);
  if ((half === undefined) !== (ke === undefined))
    throw badKeyExchange('the peer and we do not agree whether there is a key exchange', about);
  if (half === undefined || ke === undefined) return undefined;
  return guarded(() => half.finish(ke.data), about);
}

/** The responder's half and the secret; undefined for the group that is none. Throws Refused. */
export function answerExchange(
  sa: IsakmpSa,
  group: number,
  message: Message,
  about: About,
): { readonly publicValue: Uint8Array; readonly sharedSecret: Secret } | undefined {
  const ke = first(message, V1PayloadType.KE);
  if ((group === KeMethod.NONE) !== (ke === undefined))
    throw badKeyExchange('the peer sends a key exchange for no group, or none for its group', about);
  if (ke === undefined) return undefined;
  return guarded(() => methodOf(sa, group).respond(ke.data), about);
}

/** The keys of both directions: each has the SPI of its receiver in them (RFC 2409 §5.5). `secret` is wiped. */
export function keysOf(
  sa: IsakmpSa,
  config: ChildConfig,
  { accepted, spiOut }: QuickSuite,
  spiIn: number,
  nonces: Nonces,
  secret: Secret | undefined,
): ChildKeys {
  const direction = (spi: number): DirectionKeys =>
    quickModeKeys(sa.keys.hash, {
      skeyidD: sa.keys.skeyidD,
      protocol: protocolNumber(config.protocol),
      spi,
      nonces,
      algorithms: accepted,
      ...(secret === undefined ? {} : { sharedSecret: secret.reveal() }),
    });
  const keys = { keysIn: direction(spiIn), keysOut: direction(spiOut) };
  secret?.wipe();
  return keys;
}

/** The Child SA of an agreement, not installed yet. A rekeyed one keeps its predecessor's `reqid`. */
export function makeChild(
  sa: IsakmpSa,
  config: ChildConfig,
  { accepted, mode, udpEncapsulation, spiOut, cpiOut }: QuickSuite,
  { spi: spiIn, cpi: cpiIn }: Reserved,
  selectors: Pick<ChildSa, 'localTs' | 'remoteTs' | 'negotiated'>,
  old: ChildSa | undefined,
): ChildSa {
  const { host, connection } = sa;
  tellChosen(sa, config.protocol, accepted.text);
  const { localTs, remoteTs, negotiated } = selectors;
  const text = `${localTs.map(formatSelector)} === ${remoteTs.map(formatSelector)}`;
  const reqid = old?.reqid ?? host.reqid(connection, config, text);
  return {
    id: host.newChildId(),
    config,
    reqid,
    protocol: config.protocol,
    mode,
    algorithms: {
      encryption: accepted.encryption,
      keyLength: accepted.keyLength,
      integrity: accepted.integrity,
      esn: accepted.esn,
    },
    proposal: accepted.text,
    keMethod: accepted.keyExchange,
    spiIn,
    spiOut,
    localTs,
    remoteTs,
    udpEncapsulation,
    state: 'CREATED',
    outbound: false,
    installedAt: undefined,
    rekeyAt: undefined,
    expiresAt: undefined,
    ...kernelOf(host, sa.peer.numbering, config, reqid, old?.kernel),
    ...(cpiIn !== undefined && cpiOut !== undefined && { ipcomp: { cpiIn, cpiOut } }),
    ...(negotiated !== undefined && { negotiated }),
  };
}

/** The configured selectors of both sides, `dynamic` replaced. */
export function configuredSelectors(
  sa: IsakmpSa,
  config: Pick<ChildConfig, 'localTs' | 'remoteTs'>,
): { readonly local: readonly TrafficSelector[]; readonly remote: readonly TrafficSelector[] } {
  return {
    local: resolveSelectors(config.localTs, dynamicHosts(sa.current.virtualIps, sa.path, 'local')),
    remote: resolveSelectors(config.remoteTs, dynamicHosts(sa.current.virtualIps, sa.path, 'remote')),
  };
}

/**
 * NAT-OA for transport mode through a NAT: the addresses as they are seen from here, the initiator's first (RFC 3947
 * §5.2).
 */
export function natOriginalAddresses(sa: IsakmpSa, role: Role): readonly V1NatOaPayload[] {
  const { peer, path } = sa;
  if (!peer.encapsulate || peer.natTraversal === undefined) return [];
  const type = peer.natTraversal === 'rfc' ? V1PayloadType.NAT_OA : V1PayloadType.NAT_OA_DRAFT;
  const [ours, theirs] = [path.local.address, path.remote.address];
  return (role === 'initiator' ? [ours, theirs] : [theirs, ours]).map(address => {
    const { type: idType, data } = addressIdentity(address);
    return { type, idType, data };
  });
}

/** The nonce of a quick mode, a copy. Throws Failed. */
export function nonceOf(message: Message): Uint8Array {
  const nonce = first(message, V1PayloadType.NONCE)?.data;
  if (nonce === undefined || nonce.length > LONGEST_NONCE)
    throw new Failed({
      code: 'peer/malformed',
      summary: 'quick mode without a nonce, or with one of more than 256 octets',
    });
  return nonce.slice();
}

export function wantedMode({ mode }: ChildConfig): IpsecMode {
  return mode === 'transport' || mode === 'beet' ? mode : 'tunnel';
}

export function releaseSpi(sa: IsakmpSa, { protocol }: ChildConfig, spi: number): void {
  sa.host.command({ kind: 'release-spi', protocol, spi });
}

/** A notify about the peer's SPI. */
export function aboutSpi({ protocol }: Pick<ChildConfig, 'protocol'>, spi: number): About {
  return { protocol: protocolNumber(protocol), spi: spiOctets(spi) };
}

/** A notify about the SA that an SA payload is for, by the SPI that its sender has chosen. */
export function aboutOffer({ proposals }: V1SaPayload): About {
  const [proposal] = proposals;
  return { protocol: proposal?.protocol ?? 0, spi: proposal?.spi ?? EMPTY };
}

function methodOf({ host, privateGroup }: IsakmpSa, group: number): KeyExchange {
  const { provider } = host;
  const method =
    privateGroup?.number === group
      ? privateExchange(provider, group, privateGroup.group)
      : keyExchangeOf(provider, group);
  if (method === undefined)
    throw new Failed({
      code: 'local/unsupported',
      summary: `this platform lacks key exchange method ${group}`,
    });
  return method;
}

function guarded<Result>(action: () => Result, about: About): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof CryptoFailure) throw badKeyExchange(error.message, about);
    throw error;
  }
}

function badKeyExchange(summary: string, about: About): Refused {
  const failure: Failure = { code: 'peer/malformed', summary };
  return new Refused(V1Notify.INVALID_KEY_INFORMATION, failure, { about });
}
