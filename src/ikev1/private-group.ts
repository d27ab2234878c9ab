import { type ModpGroup, plainNumber } from '../crypto/ke/private-group.ts';
import type { Proposal } from '../crypto/proposal.ts';
import {
  Doi,
  IsakmpTransform,
  OakleyAttribute,
  Situation,
  V1PayloadType,
  V1ProtocolId,
} from '../iana/ikev1.ts';
import { TransformType } from '../iana/ikev2.ts';
import { KeMethod } from '../iana/transforms.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { ChildConfig } from '../policy/connection.ts';
import { attributeNumber } from '../wire/v1/attribute.ts';
import type { V1Attribute, V1SaPayload } from '../wire/v1/payload.ts';

/** A group that the two ends of an ISAKMP SA agreed upon, and the number that it has between them. It ends with the SA. */
export interface PrivateGroup {
  readonly number: number;
  readonly group: ModpGroup;
}

/** "Group descriptions for private Groups MUST be greater than or equal to 2^15" (RFC 2409 §5.6). */
const FIRST_PRIVATE = 0x8000;
const MODP = 1;

export function isPrivateGroup(number: number): boolean {
  return number >= FIRST_PRIVATE && number <= 0xffff;
}

/** The SA payload that proposes a group, or takes it (RFC 2409 §5.6, appendix A). */
export function proposalOf({ prime, generator }: ModpGroup, number = FIRST_PRIVATE): V1SaPayload {
  const attributes: readonly V1Attribute[] = [
    { type: OakleyAttribute.GROUP_DESCRIPTION, value: number },
    { type: OakleyAttribute.GROUP_TYPE, value: MODP },
    { type: OakleyAttribute.GROUP_PRIME, value: prime },
    { type: OakleyAttribute.GROUP_GENERATOR_ONE, value: generator },
  ];
  const transforms = [{ number: 1, id: IsakmpTransform.KEY_IKE, attributes }];
  return {
    type: V1PayloadType.SA,
    doi: Doi.IPSEC,
    situation: Situation.SIT_IDENTITY_ONLY,
    proposals: [{ number: 1, protocol: V1ProtocolId.PROTO_ISAKMP, spi: EMPTY, transforms }],
  };
}

/** The group that is proposed; why it is none that we could take, in words. Its numbers are not looked at. */
export function groupIn({ doi, situation, proposals }: V1SaPayload): PrivateGroup | string {
  const [proposal] = proposals;
  const [transform] = proposal?.transforms ?? [];
  const isOne = proposals.length === 1 && proposal?.transforms.length === 1;
  if (doi !== Doi.IPSEC || situation !== Situation.SIT_IDENTITY_ONLY || !isOne || transform === undefined)
    return 'it is not described by one transform of one proposal';
  if (proposal?.protocol !== V1ProtocolId.PROTO_ISAKMP || transform.id !== IsakmpTransform.KEY_IKE)
    return 'it is described as something else than a group';
  const { attributes } = transform;
  const types = attributes.map(({ type }) => type);
  if (attributes.length !== ALL.length || !ALL.every(type => types.includes(type)))
    return 'it has other attributes than a description, a type, a prime and a generator';
  const of = (wanted: number): V1Attribute => attributes.find(({ type }) => type === wanted) as V1Attribute;
  const number = attributeNumber(of(OakleyAttribute.GROUP_DESCRIPTION)) ?? 0;
  if (!isPrivateGroup(number)) return `its number ${number} is none for private groups`;
  if (attributeNumber(of(OakleyAttribute.GROUP_TYPE)) !== MODP) return 'its type is not MODP';
  const [prime, generator] = [OakleyAttribute.GROUP_PRIME, OakleyAttribute.GROUP_GENERATOR_ONE].map(type =>
    plainNumber(octetsOf(of(type))),
  );
  return { number, group: { prime: prime ?? EMPTY, generator: generator ?? EMPTY } };
}

const ALL: readonly number[] = [
  OakleyAttribute.GROUP_DESCRIPTION,
  OakleyAttribute.GROUP_TYPE,
  OakleyAttribute.GROUP_PRIME,
  OakleyAttribute.GROUP_GENERATOR_ONE,
];

/** A number of two octets may stand in the short form. */
function octetsOf({ value }: V1Attribute): Uint8Array {
  return typeof value === 'number' ? Uint8Array.of(value >> 8, value & 0xff) : value;
}

/**
 * The child as it is negotiated where a private group was agreed upon: with it for its PFS, and where `besides` with those of
 * its proposals after it.
 */
export function inPrivateGroup(
  config: ChildConfig,
  agreed: PrivateGroup | undefined,
  besides: boolean,
): ChildConfig {
  if (agreed === undefined) return config;
  const key = besides ? WITH_OTHERS : ALONE;
  let known = key.get(agreed);
  if (known === undefined) {
    known = new WeakMap();
    key.set(agreed, known);
  }
  let made = known.get(config);
  if (made === undefined) {
    const moved = config.proposals.map(proposal => moveTo(proposal, agreed.number));
    made = { ...config, proposals: besides ? [...moved, ...config.proposals] : moved };
    known.set(config, made);
  }
  return made;
}

type Known = WeakMap<PrivateGroup, WeakMap<ChildConfig, ChildConfig>>;

/** Proposals are spelled out once for each list: it has to be the same one. */
const ALONE: Known = new WeakMap();
const WITH_OTHERS: Known = new WeakMap();

function moveTo(proposal: Proposal, number: number): Proposal {
  const isExchange = ({ type, id }: Proposal['transforms'][number]): boolean =>
    type === TransformType.KE && id !== KeMethod.NONE;
  const first = proposal.transforms.find(isExchange);
  if (first === undefined) return proposal;
  const transforms = proposal.transforms
    .filter(transform => transform === first || !isExchange(transform))
    .map(transform => (transform === first ? { ...first, id: number } : transform));
  return { ...proposal, transforms };
}
