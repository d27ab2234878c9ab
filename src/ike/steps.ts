import { proposalNames } from '../crypto/algorithm-names.ts';
import { formatIp, type IpAddress, isUnspecified, isV4 } from '../lib/ip.ts';
import type { Certificate } from '../pki/certificate.ts';
import { isSelfIssued } from '../pki/certificate.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import { formatIdentity, type Identity, plainIdentity } from '../policy/identity.ts';
import type { Path } from '../policy/sa.ts';
import { type ChildSa, childStatus } from './child.ts';
import type { ChildSaStatus, IkeEvent, IkeSaStatus, LeaseOrigin } from './output.ts';
import type { Host } from './session.ts';

/*
 * What happens on the way, in the words that operators and their programs know from charon's log. Nothing follows from
 * it, and nothing is made of it where messages are not traced.
 */

/** The IKE SA that something happens to. */
export interface StepSubject {
  readonly host: Host;
  readonly id: number;
  readonly connection: Connection;
}

type Step = Extract<IkeEvent, { kind: 'step' }>;

/** One line; `words` is asked where it is heard alone. */
export function tell(
  { host, id, connection }: StepSubject,
  group: Step['group'],
  words: () => string,
  level: Step['level'] = 1,
): void {
  if (!host.settings.traceMessages) return;
  host.event({ kind: 'step', group, level, ike: id, connection: connection.name, text: words() });
}

/** @param proposal in keywords, as it was agreed */
export function tellChosen(sa: StepSubject, protocol: 'ike' | 'esp' | 'ah', proposal: string): void {
  tell(sa, 'cfg', () => `selected proposal: ${proposalNames([proposal], protocol)}`);
}

export function tellNat(sa: StepSubject & { readonly peer: Behind }): void {
  if (sa.peer.natLocal) tell(sa, 'ike', () => 'local host is behind NAT, sending keep alives');
  if (sa.peer.natRemote) tell(sa, 'ike', () => 'remote host is behind NAT');
}

interface Behind {
  readonly natLocal: boolean;
  readonly natRemote: boolean;
}

/** Of RFC 4555, where the peer has said so. */
export function tellMobike(sa: StepSubject & { readonly peer: { readonly mobike: boolean } }): void {
  if (sa.peer.mobike) tell(sa, 'ike', () => 'peer supports MOBIKE');
}

/** Who begins an IKE SA: the peer, or we where `ours`. */
export function tellBegun(sa: StepSubject & { readonly path: Path }, ours: boolean, mode = ''): void {
  const remote = (): string => formatIp(sa.path.remote.address);
  if (ours) tell(sa, 'ike', () => `initiating ${mode}IKE_SA ${nameOf(sa)} to ${remote()}`, 0);
  else tell(sa, 'ike', () => `${remote()} is initiating ${mode === '' ? 'an' : 'a'} ${mode}IKE_SA`, 0);
}

/** A child that we ask for is given its number; `reqid` where it takes the place of another. */
export function tellEstablishing(sa: StepSubject, name: string, child: number, reqid?: number): void {
  const about = reqid === undefined ? '' : ` reqid ${reqid}`;
  tell(sa, 'ike', () => `establishing CHILD_SA ${name}{${child}}${about}`, 0);
}

/** Of a rekey: the two directions come about one by one. */
export function tellInstalled(sa: StepSubject, direction: 'inbound' | 'outbound', child: ChildSa): void {
  tell(sa, 'ike', () => `${direction} CHILD_SA ${childWords(childStatus(child), spisOf)}`, 0);
}

/** The end of a child begins. */
export function tellClosing({ host, id, connection }: StepSubject, child: ChildSa): void {
  if (!host.settings.traceMessages) return;
  host.event({ kind: 'closing', ike: id, connection: connection.name, child: childStatus(child) });
}

/** A Delete for a child goes out or came in; the SPI is the one that it names. */
export function tellDelete(
  sa: StepSubject,
  way: 'sending' | 'received',
  protocol: 'esp' | 'ah',
  spi: number,
): void {
  tell(sa, 'ike', () => `${way} DELETE for ${protocol.toUpperCase()} CHILD_SA with SPI ${spiWord(spi)}`);
}

/** The end of the IKE SA begins: by us, who send a Delete, or by the peer. */
export function tellDeleting(sa: EndingSa, way: 'sending' | 'received'): void {
  const about = (): string => `${way} DELETE for IKE_SA ${nameOf(sa)}`;
  if (way === 'received') tell(sa, 'ike', about);
  tell(sa, 'ike', () => `deleting IKE_SA ${nameOf(sa)} between ${endsOf(sa)}`, 0);
  if (way === 'sending') tell(sa, 'ike', about);
}

interface EndingSa extends StepSubject {
  status(): IkeSaStatus;
}

export function tellDeleted(sa: StepSubject): void {
  tell(sa, 'ike', () => 'IKE_SA deleted', 0);
}

/** Nothing comes of a child; `notify` is what the peer said, where it was the peer that refused. */
export function tellNoChild(sa: StepSubject, failure: Failure, notify?: string): void {
  tellProposals(sa, failure);
  if (notify !== undefined) tell(sa, 'ike', () => `received ${notify} notify, no CHILD_SA built`);
  else if (failure.code === 'peer/no-proposal-chosen') tell(sa, 'ike', () => 'no acceptable proposal found');
  tell(sa, 'ike', () => 'failed to establish CHILD_SA, keeping IKE_SA');
}

/** Where `failure` is that both sides' proposals have nothing in common: the peer's, and ours. */
export function tellProposals(sa: StepSubject, failure: Failure): void {
  if (!sa.host.settings.traceMessages) return;
  for (const line of proposalLines(failure)) tell(sa, 'cfg', () => line);
}

/** The same as text, in the order in which it is told. */
export function proposalLines({ proposals, ours = [], theirs = [] }: Failure): readonly string[] {
  if (proposals === undefined) return [];
  const protocol = proposals === 'esp' || proposals === 'ah' ? proposals : 'ike';
  return [
    `received proposals: ${proposalNames(theirs, protocol)}`,
    `configured proposals: ${proposalNames(ours, protocol)}`,
  ];
}

/** The peer wants a virtual IP: this one, or any where it is all zero. */
export function tellRequested(sa: StepSubject, wanted: IpAddress): void {
  tell(sa, 'ike', () => `peer requested virtual IP ${wantedWord(wanted)}`);
}

/** Where the address comes from that `identity` gets. */
export function tellLease(sa: StepSubject, origin: LeaseOrigin, identity: string): void {
  tell(sa, 'cfg', () => {
    if (origin === 'new') return `assigning new lease to '${identity}'`;
    if (typeof origin === 'string') return `reassigning ${origin} lease to '${identity}'`;
    return `reassigning existing offline lease by '${origin.formerly}' to '${identity}'`;
  });
}

export function tellNone(sa: StepSubject, wanted: IpAddress, identity: string): void {
  tell(sa, 'ike', () => `no virtual IP found for ${wantedWord(wanted)} requested by '${identity}'`);
}

function wantedWord(address: IpAddress): string {
  if (!isUnspecified(address)) return formatIp(address);
  return isV4(address) ? '%any' : '%any6';
}

/** Our proof of identity is made, `by` the shared key or a signature scheme; `certificates` go with it. */
export function tellOwnProof(
  sa: StepSubject,
  identity: Identity,
  by: string,
  certificates: readonly Uint8Array[],
): void {
  const success = by === 'psk' ? '' : ' successful';
  tell(sa, 'ike', () => `authentication of '${who(identity)}' (myself) with ${methodWord(by)}${success}`);
  tellCertificates(sa, 'sending', certificates);
}

/** Certificates that go out or came in, the end entity's first. */
export function tellCertificates(
  sa: StepSubject,
  way: 'sending' | 'received',
  certificates: readonly Uint8Array[],
): void {
  if (!sa.host.settings.traceMessages) return;
  for (const certificate of sa.host.trust.readable(certificates.slice(0, MOST_TOLD))) {
    const kind = certificate.basicConstraints?.authority === true ? 'issuer' : 'end entity';
    tell(sa, 'ike', () => `${way} ${kind} cert "${certificate.subject.text}"`);
  }
}

/** A request for certificates by the hashes of the authorities' keys. */
export function tellRequests(sa: StepSubject, way: 'sending' | 'received', hashes: Uint8Array): void {
  const { host } = sa;
  if (!host.settings.traceMessages) return;
  let unknown = 0;
  for (let at = 0; at + HASH_LENGTH <= Math.min(hashes.length, MOST_TOLD * HASH_LENGTH); at += HASH_LENGTH) {
    const name = host.trust.nameOfAuthority(hashes.subarray(at, at + HASH_LENGTH));
    if (name === undefined) unknown++;
    else tell(sa, 'ike', () => `${way} cert request for "${name}"`);
  }
  if (unknown > 0) tell(sa, 'ike', () => `${way} ${unknown} cert requests for an unknown ca`);
}

/** The peer has not: no key is known for the two, or it was made with another. */
export function tellNoProof(sa: StepSubject, { code }: Failure, local: Identity, remote: Identity): void {
  const between = (): string => `for '${who(local)}' - '${who(remote)}'`;
  if (code === 'auth/wrong-key') tell(sa, 'ike', () => `tried 1 shared key ${between()}, but MAC mismatched`);
  else if (code === 'auth/no-key') tell(sa, 'ike', () => `no shared key found ${between()}`);
}

/** The peer has proved who it is: by a key whose certificates lead to an authority, where there are any. */
export function tellProof(
  sa: StepSubject,
  { identity, proof, path }: { identity: Identity; proof: string; path?: readonly Certificate[] },
): void {
  tellPath(sa, path ?? []);
  tell(sa, 'ike', () => {
    const [by = ''] = proof.split(' ', 1);
    return `authentication of '${who(identity)}' with ${methodWord(by)} successful`;
  });
}

function tellPath(sa: StepSubject, [leaf, ...authorities]: readonly Certificate[]): void {
  if (leaf === undefined) return;
  const using = (kind: string, { subject }: Certificate): void =>
    tell(sa, 'cfg', () => `  using ${kind} "${subject.text}"`);
  if (authorities.length === 0) using('trusted certificate', leaf);
  else using('certificate', leaf);
  authorities.forEach((authority, index) => {
    const isLast = index === authorities.length - 1;
    using(isLast ? 'trusted ca certificate' : 'trusted intermediate ca certificate', authority);
    if (isLast && isSelfIssued(authority))
      tell(sa, 'cfg', () => `  reached self-signed root ca with a path length of ${index}`);
  });
}

/** Which connections fit is looked for, now that the peer has said who it is and whom it wants. */
export function tellSearch(
  sa: StepSubject & { readonly path: Path },
  remote: Identity,
  local: Identity | undefined,
): void {
  const { path } = sa;
  const side = (end: 'local' | 'remote', id: Identity | undefined): string =>
    `${formatIp(path[end].address)}[${who(id)}]`;
  tell(
    sa,
    'cfg',
    () => `looking for peer configs matching ${side('local', local)}...${side('remote', remote)}`,
  );
}

/** `name{1} established with SPIs …`, as the log has it of an SA. */
export function childWords(child: ChildSaStatus, spis: (child: ChildSaStatus) => string): string {
  return `${child.name}{${child.id}} established ${childFacts(child, spis)}`;
}

/** `with SPIs c0000001_i c0000002_o and TS 10.1.0.0/16 === 10.2.0.0/16`; `spis` writes the first part. */
export function childFacts(child: ChildSaStatus, spis: (child: ChildSaStatus) => string): string {
  return `with SPIs ${spis(child)} and TS ${child.localTs.join(' ')} === ${child.remoteTs.join(' ')}`;
}

export function spisOf({ spiIn, spiOut }: ChildSaStatus): string {
  return `${spiWord(spiIn)}_i ${spiWord(spiOut)}_o`;
}

export function spiWord(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function nameOf({ id, connection }: StepSubject): string {
  return `${connection.name}[${id}]`;
}

function endsOf(sa: EndingSa): string {
  const { path, localId, remoteId } = sa.status();
  const side = (end: 'local' | 'remote', id: string | undefined): string =>
    `${formatIp(path[end].address)}[${plainIdentity(id)}]`;
  return `${side('local', localId)}...${side('remote', remoteId)}`;
}

/** As charon prints it, not as it would be read back. */
export function who(identity: Identity | undefined): string {
  return plainIdentity(identity === undefined ? undefined : formatIdentity(identity));
}

/** How many certificates or requests of one message are named. */
const MOST_TOLD = 32;
const HASH_LENGTH = 20;

/** Signature schemes as the log has them; others by their own name. */
function methodWord(by: string): string {
  if (by === 'psk') return 'pre-shared key';
  if (by === 'rsa-sha1') return 'RSA signature';
  if (by === 'ikev1-rsa') return 'RSA_EMSA_PKCS1_NULL';
  const [, kind = '', bits = ''] = /^(rsa|rsa\/pss|ecdsa)-(?:sha)?(\d+)$/.exec(by) ?? [];
  const hash = bits === '1' ? 'SHA1' : `SHA2_${bits}`;
  switch (kind) {
    case 'rsa':
      return `RSA_EMSA_PKCS1_${hash}`;
    case 'rsa/pss':
      return `RSA_EMSA_PSS_${hash}_SALT_${Number(bits) / 8}`;
    case 'ecdsa':
      return by.includes('sha') ? `ECDSA_WITH_SHA${bits}_DER` : `ECDSA-${bits} signature`;
    default:
      return by.toUpperCase();
  }
}
