import {
  Doi,
  ModeCfgAttribute,
  ModeCfgType,
  V1CertEncoding,
  V1ExchangeType,
  V1HeaderFlag,
  V1IdType,
  V1Notify,
  V1PayloadType,
  V1ProtocolId,
  XauthAttribute,
} from '../../iana/ikev1.ts';
import { knownName, nameOf } from '../../iana/name.ts';
import { vendorNameOf } from '../../iana/vendor-ids.ts';
import { toHex } from '../../lib/bytes.ts';
import { address, octets, paragraph, quoted, sentence, spis } from '../phrase.ts';
import { attributeNumber } from './attribute.ts';
import { proposalLines } from './describe-proposal.ts';
import type { V1Message } from './message.ts';
import type { V1Attribute, V1IdPayload, V1NotifyPayload, V1Payload, V1SaPayload } from './payload.ts';

/** One line: `MAIN_MODE 0 [SA V(RFC 3947) V]`; the number is the Message ID, in hexadecimal. */
export function summarizeV1(message: V1Message): string {
  return `${title(message)} [${message.encrypted ? '{…}' : sentence(message.payloads, summaryWord)}]`;
}

/** Every field, a line or more for each payload, indented by two. */
export function detailV1(message: V1Message): string {
  const { header, payloads, encrypted } = message;
  const head = [
    title(message),
    `  cookies ${spis(header)}, version ${header.majorVersion}.${header.minorVersion}, flags ${flagNames(header.flags)}, ${header.length} octets`,
  ];
  const text = paragraph(head, payloads, payload => {
    const [first, ...rest] = linesFor(payload);
    const line = `  ${wordFor(payload)}${first === '' ? '' : `: ${first}`}`;
    return [line, ...rest.map(more => `    ${more}`)];
  });
  return encrypted ? `${text}\n  {…}` : text;
}

function title({ header }: V1Message): string {
  return `${nameOf(V1ExchangeType, header.exchangeType, 240)} ${header.messageId.toString(16)}`;
}

function flagNames(flags: number): string {
  const set = Object.entries(V1HeaderFlag).filter(([, bit]) => (flags & bit) !== 0);
  return set.length === 0 ? 'none' : set.map(([name]) => name).join(' ');
}

/** In a summary there is no other place for what is asked for or given. */
function summaryWord(payload: V1Payload): string {
  if (payload.type !== V1PayloadType.ATTRIBUTES) return wordFor(payload);
  const kind = nameOf(ModeCfgType, payload.cfgType, 128);
  return `ATTRIBUTES(${[kind, ...attributeNames(payload)].join(' ')})`;
}

/** A payload in one word, as RFC 2409's ladders write it. */
function wordFor(payload: V1Payload): string {
  switch (payload.type) {
    case 'unknown':
      return nameOf(V1PayloadType, payload.number, 128).replace(' ', '-');
    case V1PayloadType.N:
      return `N(${nameOf(V1Notify, payload.notifyType, 8192)})`;
    case V1PayloadType.VID: {
      const name = vendorNameOf(payload.data);
      return name === undefined ? 'V' : `V(${name})`;
    }
    case V1PayloadType.ATTRIBUTES:
      return `ATTRIBUTES(${nameOf(ModeCfgType, payload.cfgType, 128)})`;
    case V1PayloadType.FRAGMENT:
      return `FRAGMENT(${payload.fragmentNumber}${payload.last ? ' last' : ''})`;
    default:
      return nameOf(V1PayloadType, payload.type);
  }
}

/** More stand in the detail alone. */
const MOST_NAMED = 32;

function attributeNames({
  attributes,
}: Extract<V1Payload, { type: typeof V1PayloadType.ATTRIBUTES }>): readonly string[] {
  return attributes.slice(0, MOST_NAMED).map(attributeName);
}

function attributeName({ type }: V1Attribute): string {
  return knownName(XauthAttribute, type) ?? nameOf(ModeCfgAttribute, type, 16384);
}

/** What a payload holds: the first line stands behind its word, the others below. */
function linesFor(payload: V1Payload): readonly string[] {
  switch (payload.type) {
    case V1PayloadType.SA:
      return saLines(payload);
    case V1PayloadType.ID:
      return [identity(payload)];
    case V1PayloadType.CERT:
      return [`${nameOf(V1CertEncoding, payload.encoding)}, ${octets(payload.data)}`];
    case V1PayloadType.CR:
      return [`${nameOf(V1CertEncoding, payload.encoding)}, ${quoted(payload.data)}`];
    case V1PayloadType.N:
      return [notifyLine(payload)];
    case V1PayloadType.D:
      return [`${nameOf(V1ProtocolId, payload.protocol)} ${sentence(payload.spis, toHex)}`.trimEnd()];
    case V1PayloadType.VID:
      return [`${quoted(payload.data)} ${octets(payload.data)}`];
    case V1PayloadType.ATTRIBUTES:
      return [`identifier ${payload.identifier}`, ...payload.attributes.map(configLine)];
    case V1PayloadType.NAT_OA:
    case V1PayloadType.NAT_OA_DRAFT:
      return [`${nameOf(V1IdType, payload.idType)} ${address(payload.data)}`];
    case V1PayloadType.FRAGMENT:
      return [`of ${payload.fragmentId}, ${payload.data.length} octets`];
    case V1PayloadType.KE:
    case V1PayloadType.HASH:
    case V1PayloadType.SIG:
    case V1PayloadType.NONCE:
    case V1PayloadType.NAT_D:
    case V1PayloadType.NAT_D_DRAFT:
    case 'unknown':
      return [octets(payload.data)];
  }
}

function saLines({ doi, situation, proposals }: V1SaPayload): readonly string[] {
  const usual = doi === Doi.IPSEC && situation === 1;
  return [usual ? '' : `${nameOf(Doi, doi)}, situation ${situation}`, ...proposals.flatMap(proposalLines)];
}

function identity({ idType, protocol, port, data }: V1IdPayload): string {
  const name = nameOf(V1IdType, idType);
  const which = protocol === 0 && port === 0 ? '' : ` protocol ${protocol} port ${port}`;
  return `${name} ${ID_DATA[idType]?.(data) ?? quoted(data)}${which}`;
}

/** How the data of an identity read where they are no text; undefined where they have not the right length. */
const ID_DATA: Readonly<Record<number, (data: Uint8Array) => string | undefined>> = {
  [V1IdType.ID_IPV4_ADDR]: address,
  [V1IdType.ID_IPV6_ADDR]: address,
  [V1IdType.ID_IPV4_ADDR_SUBNET]: data => two(data, 4, '/'),
  [V1IdType.ID_IPV6_ADDR_SUBNET]: data => two(data, 16, '/'),
  [V1IdType.ID_IPV4_ADDR_RANGE]: data => two(data, 4, '-'),
  [V1IdType.ID_IPV6_ADDR_RANGE]: data => two(data, 16, '-'),
};

function two(data: Uint8Array, length: number, between: string): string | undefined {
  if (data.length !== 2 * length) return undefined;
  return `${address(data.subarray(0, length))}${between}${address(data.subarray(length))}`;
}

function notifyLine({ protocol, spi, data }: V1NotifyPayload): string {
  const about = `${nameOf(V1ProtocolId, protocol)}${spi.length === 0 ? '' : ` SPI ${toHex(spi)}`}`;
  return data.length === 0 ? about : `${about}, ${octets(data)}`;
}

function configLine(attribute: V1Attribute): string {
  const { type, value } = attribute;
  const name = attributeName(attribute);
  if (SECRETS.has(type)) return `${name} [secret]`;
  if (typeof value === 'number') return `${name} ${value}`;
  if (value.length === 0) return name;
  if (TEXTS.has(type)) return `${name} ${quoted(value)}`;
  if (type === ModeCfgAttribute.INTERNAL_ADDRESS_EXPIRY) return `${name} ${attributeNumber(attribute)} s`;
  return `${name} ${address(value)}`;
}

const SECRETS: ReadonlySet<number> = new Set([
  XauthAttribute.XAUTH_USER_PASSWORD,
  XauthAttribute.XAUTH_PASSCODE,
  XauthAttribute.XAUTH_NEXT_PIN,
  XauthAttribute.XAUTH_ANSWER,
]);

const TEXTS: ReadonlySet<number> = new Set([
  XauthAttribute.XAUTH_USER_NAME,
  XauthAttribute.XAUTH_MESSAGE,
  XauthAttribute.XAUTH_DOMAIN,
  ModeCfgAttribute.APPLICATION_VERSION,
  ModeCfgAttribute.UNITY_BANNER,
  ModeCfgAttribute.UNITY_DEF_DOMAIN,
  ModeCfgAttribute.UNITY_SPLITDNS_NAME,
  ModeCfgAttribute.UNITY_BACKUP_SERVERS,
  ModeCfgAttribute.UNITY_DDNS_HOSTNAME,
]);
