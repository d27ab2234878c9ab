import { TransformType } from '../iana/ikev2.ts';
import { knownName, type Registry } from '../iana/name.ts';
import { Encr, Integ, KeMethod, PrfId, type Transform } from '../iana/transforms.ts';
import { AUTH_HMAC_SHA2_256_96 } from './integ/registry.ts';
import { ADDITIONAL_KES } from './keyword.ts';
import { ProposalError, parseProposals } from './proposal.ts';

/** Algorithms by the names that swanctl and the programs built on it expect (`AES_GCM_16`, `CURVE_25519`). */
export interface AlgorithmNames {
  readonly encr?: string;
  readonly keySize?: number;
  readonly integ?: string;
  readonly prf?: string;
  readonly ke?: string;
}

/** Of a chosen proposal in keywords. */
export function algorithmNames(proposal: string, protocol: 'ike' | 'esp' | 'ah'): AlgorithmNames {
  const transforms = parseProposals(proposal, protocol)[0]?.transforms ?? [];
  const of = (type: number): Transform | undefined =>
    transforms.find(transform => transform.type === type && transform.id !== 0);
  const encr = of(TransformType.ENCR);
  const integ = of(TransformType.INTEG);
  const prf = of(TransformType.PRF);
  const ke = of(TransformType.KE);
  return {
    ...(encr === undefined ? {} : { encr: encryptionName(encr.id) }),
    ...(encr?.keyLength === undefined ? {} : { keySize: encr.keyLength }),
    ...(integ === undefined ? {} : { integ: integrityName(integ.id) }),
    ...(prf === undefined ? {} : { prf: prfName(prf.id) }),
    ...(ke === undefined ? {} : { ke: keyExchangeName(ke.id) }),
  };
}

/** Proposals in keywords, each with all that it has or leaves to choose from: `IKE:AES_CBC_128/AES_CBC_256/…, IKE:…`. */
export function proposalNames(proposals: readonly string[], protocol: 'ike' | 'esp' | 'ah'): string {
  const told = proposals.slice(0, MOST_TOLD).map(text => {
    const words = text.length > LONGEST_TOLD ? ['…'] : wordsOf(text, protocol);
    return `${protocol.toUpperCase()}:${words.join('/')}`;
  });
  return proposals.length > told.length ? `${told.join(', ')}, …` : told.join(', ');
}

/** A stranger's message has room for more than a line of a log. */
const MOST_TOLD = 16;
const LONGEST_TOLD = 512;

function wordsOf(text: string, protocol: 'ike' | 'esp' | 'ah'): readonly string[] {
  try {
    return (parseProposals(text, protocol)[0]?.transforms ?? [])
      .filter(({ type, id }) => id !== 0 || type === TransformType.SN)
      .map(transformName);
  } catch (error) {
    // With what has no keyword here.
    if (error instanceof ProposalError) return text.split('-');
    throw error;
  }
}

function transformName({ type, id, keyLength }: Transform): string {
  switch (type) {
    case TransformType.ENCR:
      return keyLength === undefined ? encryptionName(id) : `${encryptionName(id)}_${keyLength}`;
    case TransformType.INTEG:
      return integrityName(id);
    case TransformType.PRF:
      return prfName(id);
    case TransformType.SN:
      return id === 0 ? 'NO_EXT_SEQ' : 'EXT_SEQ';
    case TransformType.KE:
      return keyExchangeName(id);
    default:
      // Of RFC 9370, told apart by their place.
      return `KE${1 + ADDITIONAL_KES.indexOf(type)}_${keyExchangeName(id)}`;
  }
}

export function encryptionName(id: number): string {
  return name(Encr, id)
    .replace(/^ENCR_/, '')
    .replace(/^(3?DES)$/, '$1_CBC');
}

export function integrityName(id: number): string {
  return id === AUTH_HMAC_SHA2_256_96 ? 'HMAC_SHA2_256_96' : name(Integ, id).replace(/^AUTH_/, '');
}

export function prfName(id: number): string {
  return name(PrfId, id);
}

export function keyExchangeName(id: number): string {
  return name(KeMethod, id)
    .replace(/^(MODP|ECP|CURVE)(\d)/, '$1_$2')
    .replace(/^BRAINPOOL(\d+)$/, 'ECP_$1_BP');
}

function name(registry: Registry, id: number): string {
  return knownName(registry, id) ?? String(id);
}
