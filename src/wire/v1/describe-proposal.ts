import {
  AhTransform,
  EncapMode,
  EspTransform,
  IpcompTransform,
  IpsecAttribute,
  IpsecAuthAlg,
  IpsecLifeType,
  IsakmpTransform,
  OakleyAttribute,
  OakleyAuthMethod,
  OakleyEncr,
  OakleyGroup,
  OakleyGroupType,
  OakleyHash,
  OakleyLifeType,
  V1ProtocolId,
} from '../../iana/ikev1.ts';
import { nameOf, type Registry } from '../../iana/name.ts';
import { toHex } from '../../lib/bytes.ts';
import { octets } from '../phrase.ts';
import { attributeNumber } from './attribute.ts';
import type { V1Attribute, V1Proposal, V1Transform } from './payload.ts';

/** A proposal of an SA payload, one line for it and one for each of its transforms. */
export function proposalLines({ number, protocol, spi, transforms }: V1Proposal): readonly string[] {
  const head = `proposal ${number} ${nameOf(V1ProtocolId, protocol)}${spi.length > 0 ? ` SPI ${toHex(spi)}` : ''}`;
  return [head, ...transforms.map(transform => `  ${transformLine(protocol, transform)}`)];
}

/** The transforms of each protocol (RFC 2407 §4.4). */
const TRANSFORMS: Readonly<Record<number, Registry>> = {
  [V1ProtocolId.PROTO_ISAKMP]: IsakmpTransform,
  [V1ProtocolId.PROTO_IPSEC_AH]: AhTransform,
  [V1ProtocolId.PROTO_IPSEC_ESP]: EspTransform,
  [V1ProtocolId.PROTO_IPCOMP]: IpcompTransform,
};

/** What the values of phase 1 attributes are called. */
const OAKLEY_VALUES: Readonly<Record<number, Registry>> = {
  [OakleyAttribute.ENCRYPTION_ALGORITHM]: OakleyEncr,
  [OakleyAttribute.HASH_ALGORITHM]: OakleyHash,
  [OakleyAttribute.AUTHENTICATION_METHOD]: OakleyAuthMethod,
  [OakleyAttribute.GROUP_DESCRIPTION]: OakleyGroup,
  [OakleyAttribute.GROUP_TYPE]: OakleyGroupType,
  [OakleyAttribute.LIFE_TYPE]: OakleyLifeType,
};

/** What the values of phase 2 attributes are called. */
const IPSEC_VALUES: Readonly<Record<number, Registry>> = {
  [IpsecAttribute.SA_LIFE_TYPE]: IpsecLifeType,
  [IpsecAttribute.GROUP_DESCRIPTION]: OakleyGroup,
  [IpsecAttribute.ENCAPSULATION_MODE]: EncapMode,
  [IpsecAttribute.AUTHENTICATION_ALGORITHM]: IpsecAuthAlg,
};

function transformLine(protocol: number, { number, id, attributes }: V1Transform): string {
  const words = attributes.map(
    protocol === V1ProtocolId.PROTO_ISAKMP
      ? attribute => attributeWord(attribute, OakleyAttribute, OAKLEY_VALUES)
      : attribute => attributeWord(attribute, IpsecAttribute, IPSEC_VALUES),
  );
  return `transform ${number} ${nameOf(TRANSFORMS[protocol] ?? {}, id, 249)}: ${words.join(', ')}`;
}

function attributeWord(
  attribute: V1Attribute,
  names: Registry,
  values: Readonly<Record<number, Registry>>,
): string {
  const { type, value } = attribute;
  const number = attributeNumber(attribute);
  const registry = values[type];
  const text =
    number === undefined
      ? octets(value as Uint8Array)
      : registry === undefined
        ? String(number)
        : nameOf(registry, number, 32768);
  return `${nameOf(names, type, 16384)} ${text}`;
}
