import {
  AuthMethod,
  CertEncoding,
  CfgAttribute,
  CfgType,
  ExchangeType,
  HashAlgorithm,
  IdType,
  PayloadType,
  ProtocolId,
  TransformAttribute,
  TransformType,
  TsType,
} from '../../iana/ikev2.ts';
import { nameOf, type Registry } from '../../iana/name.ts';
import { IpcompTransform, NotifyError, NotifyStatus } from '../../iana/notify.ts';
import { Encr, Integ, KeMethod, PrfId, SequenceNumbers } from '../../iana/transforms.ts';
import { vendorNameOf } from '../../iana/vendor-ids.ts';
import { toHex } from '../../lib/bytes.ts';
import { HeaderFlag } from '../header.ts';
import { address, octets, paragraph, quoted, sentence, spis } from '../phrase.ts';
import type { Message } from './message.ts';
import type {
  CfgAttributeValue,
  CpPayload,
  EncryptedFragmentPayload,
  EncryptedPayload,
  IdPayload,
  NotifyPayload,
  Payload,
  WireProposal,
  WireSelector,
  WireTransform,
} from './payload.ts';

/** One line: `IKE_SA_INIT request 0 [SA KE Ni N(NAT_DETECTION_SOURCE_IP)]`. */
export function summarizeV2(message: Message): string {
  const response = isResponse(message);
  const clear = sentence(message.payloads, payload => summaryWord(payload, response));
  const sealed = message.encrypted === undefined ? '' : sealedWord(message.encrypted);
  return `${title(message)} [${clear}${clear !== '' && sealed !== '' ? ' ' : ''}${sealed}]`;
}

/** Every field, a line or more for each payload, indented by two. */
export function detailV2(message: Message): string {
  const { header, payloads, encrypted } = message;
  const response = isResponse(message);
  const head = [
    title(message),
    `  SPIs ${spis(header)}, version ${header.majorVersion}.${header.minorVersion}, flags ${flagNames(header.flags)}, ${header.length} octets`,
  ];
  const text = paragraph(head, payloads, payload => {
    const [first, ...rest] = linesFor(payload);
    const critical = payload.critical === true ? ' critical' : '';
    const line = `  ${wordFor(payload, response)}${critical}${first === '' ? '' : `: ${first}`}`;
    return [line, ...rest.map(more => `    ${more}`)];
  });
  return encrypted === undefined ? text : `${text}\n  ${sealedWord(encrypted)}`;
}

function isResponse({ header }: Message): boolean {
  return (header.flags & HeaderFlag.RESPONSE) !== 0;
}

function title(message: Message): string {
  const { exchangeType, messageId } = message.header;
  return `${nameOf(ExchangeType, exchangeType, 240)} ${isResponse(message) ? 'response' : 'request'} ${messageId}`;
}

function flagNames(flags: number): string {
  const names = [
    [HeaderFlag.INITIATOR, 'I'],
    [HeaderFlag.VERSION, 'V'],
    [HeaderFlag.RESPONSE, 'R'],
  ] as const;
  const set = names.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return set.length === 0 ? 'none' : set.join('');
}

function sealedWord(encrypted: EncryptedPayload | EncryptedFragmentPayload): string {
  return encrypted.type === PayloadType.SK
    ? 'SK{…}'
    : `SKF(${encrypted.fragmentNumber}/${encrypted.totalFragments}){…}`;
}

/** In a summary there is no other place for what is asked for or given. */
function summaryWord(payload: Payload, response: boolean): string {
  if (payload.type !== PayloadType.CP) return wordFor(payload, response);
  return `CP(${[nameOf(CfgType, payload.cfgType, 128), ...attributeNames(payload)].join(' ')})`;
}

/** A payload in one word, as the RFCs' ladders write it. */
function wordFor(payload: Payload, response: boolean): string {
  switch (payload.type) {
    case 'unknown':
      return nameOf(PayloadType, payload.number, 128).replace(' ', '-');
    case PayloadType.Nonce:
      return response ? 'Nr' : 'Ni';
    case PayloadType.Notify:
      return `N(${notifyName(payload.notifyType)})`;
    case PayloadType.Delete:
      return 'D';
    case PayloadType.VendorID:
      return vendorWord(payload.data);
    case PayloadType.CP:
      return `CP(${nameOf(CfgType, payload.cfgType, 128)})`;
    case PayloadType.EAP:
      return `EAP(${EAP_CODES[payload.data[0] ?? 0] ?? 'malformed'})`;
    default:
      return nameOf(PayloadType, payload.type);
  }
}

/** More are counted out in the detail alone. */
const MOST_NAMED = 32;

function attributeNames({ attributes }: CpPayload): readonly string[] {
  return attributes.slice(0, MOST_NAMED).map(({ type }) => nameOf(CfgAttribute, type, 16384));
}

function vendorWord(data: Uint8Array): string {
  const name = vendorNameOf(data);
  return name === undefined ? 'V' : `V(${name})`;
}

/** What a payload holds: the first line stands behind its word, the others below. */
function linesFor(payload: Payload): readonly string[] {
  switch (payload.type) {
    case PayloadType.SA:
      return ['', ...payload.proposals.map(proposalLine)];
    case PayloadType.KE:
      return [`${nameOf(KeMethod, payload.method)}, ${octets(payload.data)}`];
    case PayloadType.IDi:
    case PayloadType.IDr:
      return [identity(payload)];
    case PayloadType.CERT:
    case PayloadType.CERTREQ:
      return [`${nameOf(CertEncoding, payload.encoding, 201)}, ${octets(payload.data)}`];
    case PayloadType.AUTH:
      return [`${nameOf(AuthMethod, payload.method, 201)}, ${octets(payload.data)}`];
    case PayloadType.Notify:
      return [notifyLine(payload)];
    case PayloadType.Delete:
      return [`${nameOf(ProtocolId, payload.protocol, 201)} ${sentence(payload.spis, toHex)}`.trimEnd()];
    case PayloadType.VendorID:
      return [`${quoted(payload.data)} ${octets(payload.data)}`];
    case PayloadType.TSi:
    case PayloadType.TSr:
      return ['', ...payload.selectors.map(selectorLine)];
    case PayloadType.CP:
      return ['', ...payload.attributes.map(attributeLine)];
    case PayloadType.Nonce:
    case PayloadType.EAP:
    case 'unknown':
      return [octets(payload.data)];
  }
}

const EAP_CODES: readonly (string | undefined)[] = [undefined, 'Request', 'Response', 'Success', 'Failure'];

const TRANSFORMS: Readonly<Record<number, Registry>> = {
  [TransformType.ENCR]: Encr,
  [TransformType.PRF]: PrfId,
  [TransformType.INTEG]: Integ,
  [TransformType.KE]: KeMethod,
  [TransformType.SN]: SequenceNumbers,
  [TransformType.ADDKE1]: KeMethod,
  [TransformType.ADDKE2]: KeMethod,
  [TransformType.ADDKE3]: KeMethod,
  [TransformType.ADDKE4]: KeMethod,
  [TransformType.ADDKE5]: KeMethod,
  [TransformType.ADDKE6]: KeMethod,
  [TransformType.ADDKE7]: KeMethod,
};

function proposalLine({ number, protocol, spi, transforms }: WireProposal): string {
  const of = `proposal ${number} ${nameOf(ProtocolId, protocol, 201)}${spi.length > 0 ? ` SPI ${toHex(spi)}` : ''}`;
  return `${of}: ${sentence(transforms, transformWord, 40)}`;
}

function transformWord({ type, id, keyLength, attributes }: WireTransform): string {
  const key = keyLength === undefined ? '' : ` ${keyLength}`;
  const others = (attributes ?? []).map(
    ({ type, value }) => ` ${nameOf(TransformAttribute, type, 16384)}=${toHex(value.subarray(0, 16))}`,
  );
  const kind = nameOf(TransformType, type, 241);
  const name = nameOf(TRANSFORMS[type] ?? {}, id);
  return `${name.startsWith(kind) ? '' : `${kind}=`}${name}${key}${others.join('')}`;
}

function identity({ idType, data }: IdPayload): string {
  const name = nameOf(IdType, idType, 201);
  switch (idType) {
    case IdType.ID_IPV4_ADDR:
    case IdType.ID_IPV6_ADDR:
      return `${name} ${address(data)}`;
    case IdType.ID_NULL:
      return name;
    default:
      return `${name} ${quoted(data)}`;
  }
}

function selectorLine(selector: WireSelector): string {
  if ('unknown' in selector) return `${nameOf(TsType, selector.tsType, 241)} ${octets(selector.unknown)}`;
  const { protocol, start, end, startPort, endPort } = selector;
  return `${address(start)}-${address(end)} protocol ${protocol === 0 ? 'any' : protocol} ports ${startPort}-${endPort}`;
}

function attributeLine({ type, value }: CfgAttributeValue): string {
  const name = nameOf(CfgAttribute, type, 16384);
  if (value.length === 0) return name;
  if (TEXT_ATTRIBUTES.has(type)) return `${name} ${quoted(value)}`;
  if (value.length === 17) return `${name} ${address(value.subarray(0, 16))}/${value[16]}`;
  if (value.length === 8) return `${name} ${address(value.subarray(0, 4))}/${address(value.subarray(4))}`;
  return `${name} ${address(value)}`;
}

const TEXT_ATTRIBUTES: ReadonlySet<number> = new Set([
  CfgAttribute.APPLICATION_VERSION,
  CfgAttribute.INTERNAL_DNS_DOMAIN,
]);

function notifyName(type: number): string {
  return type < 16384 ? nameOf(NotifyError, type, 8192) : nameOf(NotifyStatus, type, 40960);
}

function notifyLine({ notifyType, protocol, spi, data }: NotifyPayload): string {
  const about = spi.length === 0 ? '' : `${nameOf(ProtocolId, protocol, 201)} SPI ${toHex(spi)}`;
  const value = data.length === 0 ? '' : (NOTIFY_DATA[notifyType]?.(data) ?? octets(data));
  return [about, value].filter(part => part !== '').join(', ');
}

/** How the data of some notifies read; undefined where they are not what their RFC says. */
const NOTIFY_DATA: Readonly<Record<number, (data: Uint8Array) => string | undefined>> = {
  [NotifyError.INVALID_KE_PAYLOAD]: data => {
    const group = number(data, 2);
    return group === undefined ? undefined : `${nameOf(KeMethod, group)} wanted`;
  },
  [NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD]: data => number(data, 1)?.toString(),
  [NotifyError.INVALID_MESSAGE_ID]: data => number(data, 4)?.toString(),
  [NotifyStatus.SET_WINDOW_SIZE]: data => number(data, 4)?.toString(),
  [NotifyStatus.AUTH_LIFETIME]: data => {
    const seconds = number(data, 4);
    return seconds === undefined ? undefined : `${seconds} s`;
  },
  // A CPI and a transform (RFC 7296 §2.22).
  [NotifyStatus.IPCOMP_SUPPORTED]: data =>
    data.length < 3
      ? undefined
      : `${nameOf(IpcompTransform, data[2] as number)} CPI ${toHex(data.subarray(0, 2))}`,
  [NotifyStatus.ADDITIONAL_IP4_ADDRESS]: address,
  [NotifyStatus.ADDITIONAL_IP6_ADDRESS]: address,
  // Source and destination, then their ports (RFC 4555 §4.2.6).
  [NotifyStatus.NO_NATS_ALLOWED]: data => {
    const length = (data.length - 4) / 2;
    if (length !== 4 && length !== 16) return undefined;
    const end = (i: number): string =>
      `${address(data.subarray(i * length, (i + 1) * length))} port ${pair(data, 2 * (length + i))}`;
    return `from ${end(0)} to ${end(1)}`;
  },
  [NotifyStatus.SIGNATURE_HASH_ALGORITHMS]: data =>
    sentence(
      Array.from({ length: data.length >> 1 }, (_, i) => pair(data, 2 * i)),
      hash => nameOf(HashAlgorithm, hash),
      16,
    ),
};

/** The whole of `data` as an unsigned number of `length` octets; undefined where it is not as long. */
function number(data: Uint8Array, length: number): number | undefined {
  return data.length === length ? data.reduce((value, octet) => value * 256 + octet, 0) : undefined;
}

function pair(data: Uint8Array, at: number): number {
  return ((data[at] as number) << 8) | (data[at + 1] as number);
}
