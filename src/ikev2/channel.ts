import { ExchangeType, PayloadType } from '../iana/ikev2.ts';
import { knownName } from '../iana/name.ts';
import { tell } from '../ike/steps.ts';
import { EMPTY } from '../lib/bytes.ts';
import { isV4 } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import type { Path } from '../policy/sa.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import { summarizeV2 } from '../wire/v2/describe.ts';
import { decodeMessage, encodeMessage, type MessageFields } from '../wire/v2/message.ts';
import type { Payload } from '../wire/v2/payload.ts';
import { checkMessage, unknownCritical } from '../wire/v2/rules.ts';
import type { Message } from './flow.ts';
import type { Owner } from './owner.ts';
import type { Fragment, Opened, Protection } from './protection.ts';

/** Unauthentic messages for a half-open SA after which it is given up (RFC 8019 §4.6). */
const FORGERIES_BEFORE_AUTH = 16;

/** What a message of ours says besides its payloads. */
interface Outgoing {
  readonly exchange: number;
  readonly messageId: number;
  readonly response: boolean;
}

/** What lies between the payloads of one IKE SA and its datagrams: headers, protection, fragments, the rules of each message. */
export class Channel {
  readonly #owner: Owner;
  #protection: Protection | undefined;
  #forgeries = 0;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  /** From now on messages are protected. */
  protect(protection: Protection): void {
    this.#protection = protection;
  }

  /** Octets of fragments that wait for the rest of their message. */
  get pending(): number {
    return this.#protection?.pending ?? 0;
  }

  discardFragments(): void {
    this.#protection?.discard();
  }

  /** The datagrams of a message that shall go by `path`: several where it is fragmented. */
  encode(
    { exchange, messageId, response }: Outgoing,
    payloads: readonly Payload[],
    path: Path,
  ): readonly Uint8Array[] {
    const { role, initiatorSpi, responderSpi, fragments, host } = this.#owner;
    const flags = (role === 'initiator' ? HeaderFlag.INITIATOR : 0) | (response ? HeaderFlag.RESPONSE : 0);
    const initial = exchange === ExchangeType.IKE_SA_INIT;
    const fields: MessageFields = {
      initiatorSpi,
      // The request goes out before there is one, and again without it (RFC 7296 §2.6).
      responderSpi: initial && !response ? 0n : responderSpi,
      exchangeType: exchange,
      flags,
      messageId,
    };
    if (host.settings.traceMessages)
      this.trace('out', { header: { ...fields, ...VERSION }, payloads, octets: EMPTY }, path);
    if (initial) return [encodeMessage(fields, payloads)];
    if (this.#protection === undefined) throw new Error('no keys to protect a message with');
    const datagrams = this.#protection.seal(
      fields,
      payloads,
      fragments && path.tcp !== true ? roomFor(path, host.settings) : undefined,
    );
    if (datagrams.length > 1) this.#tellSplit(fields, datagrams);
    return datagrams;
  }

  /** What a protected datagram brings. A whole message keeps the rules of its exchange, or is malformed. */
  open(datagram: Uint8Array, header: Header): Opened {
    const opened = this.#protection?.open(datagram, header) ?? { kind: 'forged' };
    if (opened.kind === 'forged') this.#distrust(header);
    const fragment =
      opened.kind === 'message' ? opened.completes : opened.kind === 'fragment' && opened.fragment;
    if (fragment) this.#tellFragment(header, fragment, opened.kind === 'message');
    if (opened.kind !== 'message') return opened;
    const breach = checkMessage(header.exchangeType, isResponse(header), opened.payloads);
    return breach === undefined ? opened : { kind: 'malformed', text: breach.text };
  }

  /** The payloads of an IKE_SA_INIT message; undefined where it breaks any rule. */
  openPlain(datagram: Uint8Array, header: Header): readonly Payload[] | undefined {
    const payloads = decodePlain(datagram, header);
    if (payloads === undefined) return undefined;
    return checkMessage(header.exchangeType, isResponse(header), payloads) === undefined
      ? payloads
      : undefined;
  }

  /** Whether the peer itself sent this message, or the first fragment of one (RFC 7383 §2.6.1). */
  isAuthenticBeginning(datagram: Uint8Array, header: Header): boolean {
    return this.#protection?.isAuthenticBeginning(datagram, header) === true;
  }

  send(datagrams: readonly Uint8Array[], path: Path): void {
    const { host, connection } = this.#owner;
    for (const datagram of datagrams) host.transmit(datagram, path, connection.dscp);
  }

  /** Tells of a message where the engine was told to. */
  trace(direction: 'in' | 'out', message: Message, path: Path): void {
    const { host, id, connection } = this.#owner;
    if (!host.settings.traceMessages) return;
    host.event({
      kind: 'message',
      direction,
      ike: id,
      connection: connection.name,
      text: summarizeV2(message),
      path,
    });
  }

  /** Wipes the keys. */
  close(): void {
    this.#protection?.wipe();
    this.#protection = undefined;
  }

  #tellSplit(header: MessageFields, datagrams: readonly Uint8Array[]): void {
    const octets = datagrams.reduce((sum, { length }) => sum + length, 0);
    const count = datagrams.length;
    tell(this.#owner, 'enc', () => `splitting IKE message (${octets} bytes) into ${count} fragments`);
    for (let number = 1; number <= count; number++)
      tell(this.#owner, 'enc', () => `generating ${fragmentWords(header, number, count)}`);
  }

  #tellFragment(header: Header, { number, total, octets }: Fragment, isWhole: boolean): void {
    tell(this.#owner, 'enc', () => `parsed ${fragmentWords(header, number, total)}`);
    const what = isWhole
      ? `reassembled fragmented IKE message (${octets} bytes)`
      : 'waiting for complete IKE message';
    tell(this.#owner, 'enc', () => `received fragment #${number} of ${total}, ${what}`);
  }

  #distrust({ nextPayload }: Header): void {
    const { role, state } = this.#owner;
    if (nextPayload === PayloadType.Notify) this.#owner.hinted();
    if (this.#protection === undefined || state !== 'CONNECTING') return;
    if (++this.#forgeries === FORGERIES_BEFORE_AUTH && role === 'responder')
      this.#owner.broken({ code: 'peer/malformed', summary: 'too many messages that nobody vouches for' });
  }
}

function fragmentWords(
  header: Pick<Header, 'exchangeType' | 'messageId' | 'flags'>,
  number: number,
  total: number,
): string {
  const kind = (header.flags & HeaderFlag.RESPONSE) !== 0 ? 'response' : 'request';
  return `${knownName(ExchangeType, header.exchangeType)} ${kind} ${header.messageId} [ EF(${number}/${total}) ]`;
}

const VERSION = { majorVersion: 2, minorVersion: 0, nextPayload: 0, length: 0 };

function isResponse({ flags }: Header): boolean {
  return (flags & HeaderFlag.RESPONSE) !== 0;
}

/** Octets of one IKE message that fit into an IP packet of `fragmentSize`: IP, UDP and the non-ESP marker come off. */
function roomFor(path: Path, settings: { readonly fragmentSize: number; readonly port: number }): number {
  const ip = isV4(path.remote.address) ? 20 : 40;
  const marker = path.local.port === settings.port ? 0 : 4;
  return Math.max(settings.fragmentSize - ip - 8 - marker, 256);
}

function decodePlain(datagram: Uint8Array, header: Header): readonly Payload[] | undefined {
  try {
    const { payloads, encrypted } = decodeMessage(datagram, header);
    return encrypted !== undefined || unknownCritical(payloads) !== undefined ? undefined : payloads;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
