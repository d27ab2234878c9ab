import { encryptionOf } from '../crypto/encr/registry.ts';
import type { OfferedProposal } from '../crypto/proposal.ts';
import { IsakmpTransform, OakleyAttribute, V1ProtocolId } from '../iana/ikev1.ts';
import { ProtocolId, TransformType } from '../iana/ikev2.ts';
import type { Transform } from '../iana/transforms.ts';
import { attributeNumber } from '../wire/v1/attribute.ts';
import type { V1Attribute, V1SaPayload, V1Transform } from '../wire/v1/payload.ts';
import { encryptionFromOakley, hashFromOakley } from './algorithm-numbers.ts';
import { type Life, lifeIn, PHASE_ONE_LIFE } from './life.ts';
import { foreign } from './proposal-words.ts';

/** A transform of phase 1 as it came, and what it means. */
export interface PhaseOneTransform {
  readonly proposalNumber: number;
  readonly transform: V1Transform;
  /** Its algorithms as a proposal of IKEv2; `number` tells one transform of the payload from another. */
  readonly proposal: OfferedProposal;
  readonly method: number;
  readonly life: Life;
}

/** A stranger's payload may hold a thousand; nobody means more than these. */
export const MOST_TRANSFORMS = 256;

/** Peers leave the key length of AES out where they mean this one. */
const AES_WITHOUT_LENGTH = 128;

/** The transforms of an SA payload of phase 1, in their order. Those of other protocols are left out. */
export function readPhaseOne({ proposals }: V1SaPayload): readonly PhaseOneTransform[] {
  return proposals
    .filter(({ protocol }) => protocol === V1ProtocolId.PROTO_ISAKMP)
    .flatMap(({ number, transforms }) => transforms.map(transform => ({ number, transform })))
    .filter(({ transform }) => transform.id === IsakmpTransform.KEY_IKE)
    .slice(0, MOST_TRANSFORMS)
    .map(({ number, transform }, i) => readTransform(transform, number, i + 1));
}

function readTransform(transform: V1Transform, proposalNumber: number, number: number): PhaseOneTransform {
  const { attributes } = transform;
  const hashNumber = numberOf(attributes, OakleyAttribute.HASH_ALGORITHM);
  const group = numberOf(attributes, OakleyAttribute.GROUP_DESCRIPTION) ?? 0;
  const cipherNumber = numberOf(attributes, OakleyAttribute.ENCRYPTION_ALGORITHM);
  const strange = attributes.filter((attribute, i) => !isUnderstood(attribute) || isRepeated(attributes, i));
  const transforms: OfferedProposal['transforms'] = [
    ...(cipherNumber === undefined
      ? []
      : [
          {
            ...encryptionTransform(
              encryptionFromOakley(cipherNumber) ?? foreign(cipherNumber),
              numberOf(attributes, OakleyAttribute.KEY_LENGTH),
            ),
            // A prf of its own, or a group by its parameters: not negotiated here, so not acceptable.
            attributes: strange,
          },
        ]),
    ...(hashNumber === undefined ? [] : hashTransforms(hashNumber)),
    { type: TransformType.KE, id: group },
  ];
  return {
    proposalNumber,
    transform,
    proposal: { number, protocol: ProtocolId.IKE, transforms },
    method: numberOf(attributes, OakleyAttribute.AUTHENTICATION_METHOD) ?? 0,
    life: lifeIn(attributes, PHASE_ONE_LIFE),
  };
}

function hashTransforms(number: number): readonly Transform[] {
  const { prf, integrity } = hashFromOakley(number) ?? { prf: foreign(number), integrity: foreign(number) };
  return [
    { type: TransformType.PRF, id: prf },
    { type: TransformType.INTEG, id: integrity },
  ];
}

/** An ENCR transform with its key length as the registry has it: in ciphers of one length there is none. */
export function encryptionTransform(id: number, keyLength: number | undefined): Transform {
  const row = encryptionOf(id);
  if (row !== undefined && !row.keyLengthAttribute) return { type: TransformType.ENCR, id };
  const length = keyLength ?? (row?.cipher === 'aes' ? AES_WITHOUT_LENGTH : undefined);
  return { type: TransformType.ENCR, id, ...(length === undefined ? {} : { keyLength: length }) };
}

const LIFE: readonly number[] = [PHASE_ONE_LIFE.type, PHASE_ONE_LIFE.duration];
const UNDERSTOOD: ReadonlySet<number> = new Set([
  OakleyAttribute.ENCRYPTION_ALGORITHM,
  OakleyAttribute.HASH_ALGORITHM,
  OakleyAttribute.AUTHENTICATION_METHOD,
  OakleyAttribute.GROUP_DESCRIPTION,
  OakleyAttribute.KEY_LENGTH,
  ...LIFE,
]);

/** A value of more octets than a number has is none of those that are known, and not the same as no value. */
function isUnderstood(attribute: V1Attribute): boolean {
  const { type } = attribute;
  return UNDERSTOOD.has(type) && (LIFE.includes(type) || attributeNumber(attribute) !== undefined);
}

/** Only the life may be said several times, in several units (RFC 2407 §4.5.2). */
function isRepeated(attributes: readonly V1Attribute[], at: number): boolean {
  const type = attributes[at]?.type ?? 0;
  return !LIFE.includes(type) && attributes.findIndex(other => other.type === type) !== at;
}

function numberOf(attributes: readonly V1Attribute[], type: number): number | undefined {
  const attribute = attributes.find(candidate => candidate.type === type);
  return attribute === undefined ? undefined : attributeNumber(attribute);
}
