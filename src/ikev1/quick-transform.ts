import { AUTH_HMAC_SHA2_256_96 } from '../crypto/integ/registry.ts';
import type { OfferedProposal } from '../crypto/proposal.ts';
import { AhTransform, EncapMode, IpsecAttribute, V1ProtocolId } from '../iana/ikev1.ts';
import { ProtocolId, TransformType } from '../iana/ikev2.ts';
import { Integ, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import { attributeNumber } from '../wire/v1/attribute.ts';
import type { V1Attribute, V1Proposal, V1SaPayload, V1Transform } from '../wire/v1/payload.ts';
import { encryptionFromEsp, integrityFromIpsec, integrityToIpsec } from './algorithm-numbers.ts';
import { type Compressing, compressingIn } from './compression.ts';
import { type Life, lifeIn, PHASE_TWO_LIFE } from './life.ts';
import { encryptionTransform, MOST_TRANSFORMS } from './phase-one-transform.ts';
import { foreign } from './proposal-words.ts';

/** A transform of quick mode as it came, and what it means. */
export interface QuickTransform {
  readonly proposalNumber: number;
  readonly transform: V1Transform;
  /** The peer's. */
  readonly spi: number;
  /** Its algorithms as a proposal of IKEv2; `number` tells one transform of the payload from another. */
  readonly proposal: OfferedProposal;
  readonly encapsulation: number;
  readonly life: Life;
  /** Where packets are to be compressed before. */
  readonly compressing?: Compressing;
}

export const SHA2_256_96 = AUTH_HMAC_SHA2_256_96;

/**
 * The transforms for `protocol`. Proposals of one number belong together (RFC 2408 §4.2): IPComp goes with ESP or AH, and
 * no other bundles are made here, so they are left out, and so is whose SPI is none.
 *
 * @param shortSha2 HMAC-SHA2-256 means the truncation to 96 bits, as it did in old implementations.
 */
export function readQuick(
  { proposals }: V1SaPayload,
  protocol: number,
  shortSha2: boolean,
): readonly QuickTransform[] {
  return [...together(proposals).values()]
    .flatMap(parts => meantBy(parts, protocol))
    .slice(0, MOST_TRANSFORMS)
    .map(({ number, spi, transform, compressing }, i) => {
      const { attributes } = transform;
      return {
        proposalNumber: number,
        transform,
        spi,
        proposal: proposalOf(protocol, transform, i + 1, shortSha2),
        // Which it is where none is said is left to the host (RFC 2407 §4.5).
        encapsulation: numberOf(attributes, IpsecAttribute.ENCAPSULATION_MODE) ?? EncapMode.TUNNEL,
        life: lifeIn(attributes, PHASE_TWO_LIFE),
        ...(compressing === undefined ? {} : { compressing }),
      };
    });
}

/** The transforms of the proposals of one number: of one that stands alone, or with compression beside it. */
function meantBy(
  parts: readonly V1Proposal[],
  protocol: number,
): readonly (Pick<QuickTransform, 'spi' | 'transform' | 'compressing'> & { readonly number: number })[] {
  const [main, ...more] = parts.filter(part => part.protocol === protocol);
  const [beside, ...others] = parts.filter(part => part.protocol !== protocol);
  if (main === undefined || more.length > 0 || others.length > 0) return [];
  const { number, transforms } = main;
  const spi = spiOf(main.spi);
  const compressing = beside === undefined ? undefined : compressingIn(beside);
  if (spi === undefined || (beside !== undefined && compressing === undefined)) return [];
  return transforms.map(transform => ({
    number,
    spi,
    transform,
    ...(compressing === undefined ? {} : { compressing }),
  }));
}

function together(proposals: readonly V1Proposal[]): ReadonlyMap<number, readonly V1Proposal[]> {
  const found = new Map<number, V1Proposal[]>();
  for (const proposal of proposals) {
    const parts = found.get(proposal.number);
    if (parts === undefined) found.set(proposal.number, [proposal]);
    else parts.push(proposal);
  }
  return found;
}

/** Four octets; 0 to 255 are reserved (RFC 4303 §2.1). Undefined where it is none. */
export function spiOf(spi: Uint8Array): number | undefined {
  if (spi.length !== 4) return undefined;
  const value = new DataView(spi.buffer, spi.byteOffset, 4).getUint32(0);
  return value > 255 ? value : undefined;
}

export function spiOctets(spi: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, spi);
  return octets;
}

function proposalOf(
  protocol: number,
  { id, attributes }: V1Transform,
  number: number,
  shortSha2: boolean,
): OfferedProposal {
  const said = numberOf(attributes, IpsecAttribute.AUTHENTICATION_ALGORITHM) ?? 0;
  // A transform of AH and an algorithm that contradict each other are none.
  const fits = protocol === V1ProtocolId.PROTO_IPSEC_ESP || isAhOf(id, said);
  const known = said === 0 ? undefined : (integrityFromIpsec(said) ?? foreign(said));
  const integrity = fits ? shortened(known, shortSha2) : Integ.NONE;
  const group = numberOf(attributes, IpsecAttribute.GROUP_DESCRIPTION);
  const extended = numberOf(attributes, IpsecAttribute.EXTENDED_SEQUENCE_NUMBER) === 1;
  const strange = attributes.filter((attribute, i) => !isUnderstood(attribute) || isRepeated(attributes, i));
  const main = protocol === V1ProtocolId.PROTO_IPSEC_ESP ? cipherOf(id, attributes) : [];
  const transforms: readonly Transform[] = [
    ...main,
    ...(integrity === undefined ? [] : [{ type: TransformType.INTEG, id: integrity }]),
    ...(group === undefined ? [] : [{ type: TransformType.KE, id: group }]),
    {
      type: TransformType.SN,
      id: extended ? SequenceNumbers.PARTIAL_64 : SequenceNumbers.SEQUENTIAL_32,
    },
  ];
  return {
    number,
    protocol: protocol === V1ProtocolId.PROTO_IPSEC_ESP ? ProtocolId.ESP : ProtocolId.AH,
    transforms: transforms.map(transform => ({ ...transform, attributes: strange })),
  };
}

function cipherOf(id: number, attributes: readonly V1Attribute[]): readonly Transform[] {
  const cipher = encryptionFromEsp(id) ?? foreign(id);
  return [encryptionTransform(cipher, numberOf(attributes, IpsecAttribute.KEY_LENGTH))];
}

/** AH names its algorithm twice (RFC 2407 §4.4.3). */
function isAhOf(transform: number, algorithm: number): boolean {
  const integrity = integrityFromIpsec(algorithm);
  if (integrity === undefined) return false;
  const { ah } = integrityToIpsec(integrity) ?? {};
  return ah === transform && transform !== AhTransform.AH_DES;
}

function shortened(integrity: number | undefined, shortSha2: boolean): number | undefined {
  return shortSha2 && integrity === Integ.AUTH_HMAC_SHA2_256_128 ? SHA2_256_96 : integrity;
}

const LIFE: readonly number[] = [PHASE_TWO_LIFE.type, PHASE_TWO_LIFE.duration];
const UNDERSTOOD: ReadonlySet<number> = new Set([
  IpsecAttribute.GROUP_DESCRIPTION,
  IpsecAttribute.ENCAPSULATION_MODE,
  IpsecAttribute.AUTHENTICATION_ALGORITHM,
  IpsecAttribute.KEY_LENGTH,
  IpsecAttribute.EXTENDED_SEQUENCE_NUMBER,
  // Leave to send and to mark, which change nothing in what is agreed.
  IpsecAttribute.ECN_TUNNEL,
  ...LIFE,
]);

/**
 * A value of more octets than a number has is none of those that are known, and not the same as no value. An extended
 * sequence number of any value but one is refused (RFC 4304 §3).
 */
function isUnderstood(attribute: V1Attribute): boolean {
  const { type } = attribute;
  const value = attributeNumber(attribute);
  if (type === IpsecAttribute.EXTENDED_SEQUENCE_NUMBER) return value === 1;
  return UNDERSTOOD.has(type) && (LIFE.includes(type) || value !== undefined);
}

function isRepeated(attributes: readonly V1Attribute[], at: number): boolean {
  const type = attributes[at]?.type ?? 0;
  return !LIFE.includes(type) && attributes.findIndex(other => other.type === type) !== at;
}

function numberOf(attributes: readonly V1Attribute[], type: number): number | undefined {
  const attribute = attributes.find(candidate => candidate.type === type);
  return attribute === undefined ? undefined : attributeNumber(attribute);
}
