import { TransformType } from '../iana/ikev2.ts';
import { Integ, KeMethod, PrfId, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import type { Protocol } from './algorithm.ts';
import { ENCRYPTION, isAead } from './encr/registry.ts';
import { INTEGRITY } from './integ/registry.ts';
import { KEY_EXCHANGES } from './ke/registry.ts';
import { isAdditionalKe, keywordOf, keywordsOf, meaningOf, nearestKeyword } from './keyword.ts';
import { PRFS } from './prf/registry.ts';

/** A set of acceptable algorithms for one protocol: several transforms of one type are alternatives, best first. */
export interface Proposal {
  readonly protocol: Protocol;
  readonly transforms: readonly Transform[];
  /** The text it was written as, or one that reads back as the same. */
  readonly text: string;
}

/** A proposal text that cannot be used, told so that it can be mended. */
export class ProposalError extends Error {
  /** The keyword, or the whole proposal where it lacks something. */
  readonly keyword: string;
  /** Of the keyword's first character in the text given to `parseProposals`, counted from 1. */
  readonly column: number;
  /** The known keyword that was most likely meant. */
  readonly nearest: string | undefined;

  constructor(message: string, keyword: string, column: number, nearest?: string) {
    super(message);
    this.name = 'ProposalError';
    this.keyword = keyword;
    this.column = column;
    this.nearest = nearest;
  }
}

/**
 * Reads `aes256gcm16-prfsha384-ecp384, aes128-sha256-modp3072`: proposals between commas, keywords between hyphens,
 * several of a type are alternatives; `default` stands for the default proposals. Throws ProposalError.
 *
 * Integrity algorithms imply the PRF of an IKE proposal that names none, and drop out beside an AEAD; PRFs drop
 * out of ESP and AH; without `esn` or `noesn` those have `noesn`. `ke1_…` to `ke7_…` are additional key exchanges.
 */
export function parseProposals(text: string, protocol: Protocol): Proposal[] {
  const proposals: Proposal[] = [];
  let column = 1;
  for (const part of text.split(',')) {
    const written = part.trim();
    const at = column + part.indexOf(written);
    if (written.toLowerCase() === 'default') proposals.push(...defaultProposals(protocol));
    else proposals.push(parseProposal(written, protocol, at));
    column += part.length + 1;
  }
  return proposals;
}

/** What a connection offers that names nothing: all algorithms of status `default`, first AEAD ciphers, then the others. */
export function defaultProposals(protocol: Protocol): Proposal[] {
  const ciphers = ENCRYPTION.filter(row => row.status === 'default' && row.uses.includes(protocol)).flatMap(
    row =>
      row.keywords.map(({ keyLength }) => ({
        type: TransformType.ENCR,
        id: row.id,
        ...(row.keyLengthAttribute ? { keyLength } : {}),
      })),
  );
  const of = (
    type: number,
    rows: readonly (typeof PRFS | typeof INTEGRITY | typeof KEY_EXCHANGES)[number][],
  ) =>
    rows
      .filter(row => row.status === 'default' && row.uses.includes(protocol))
      .map(({ id }) => ({ type, id }));
  const integrity = of(TransformType.INTEG, INTEGRITY);
  const rest =
    protocol === 'ike'
      ? [...of(TransformType.PRF, PRFS), ...of(TransformType.KE, KEY_EXCHANGES)]
      : [{ type: TransformType.SN, id: SequenceNumbers.SEQUENTIAL_32 }];
  const sets =
    protocol === 'ah'
      ? [[...integrity, ...rest]]
      : [
          [...ciphers.filter(({ id }) => isAead(id)), ...rest],
          [...ciphers.filter(({ id }) => !isAead(id)), ...integrity, ...rest],
        ];
  return sets.map(transforms => ({ protocol, transforms, text: formatTransforms(transforms) }));
}

/**
 * Keywords joined by hyphens: ciphers, integrity, PRFs, key exchanges, additional ones, sequence numbers. What an
 * absent transform means as well is left out: integrity NONE, a lone `noesn`, a lone key exchange NONE.
 */
export function formatTransforms(transforms: readonly Transform[]): string {
  return transforms
    .filter(transform => !isImplied(transform, transforms))
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map(keywordOf)
    .join('-');
}

/** The keywords of a proposal that are weak: fit to be warned of (RFC 8247, RFC 8221). */
export function weakKeywords(proposal: Proposal): string[] {
  return proposal.transforms.filter(transform => meaningOf(transform)?.status === 'weak').map(keywordOf);
}

/** The proposal with no key exchange: for a Child SA made in IKE_AUTH, whose keys come of the IKE SA (RFC 7296 §1.2). */
export function withoutKeyExchange(proposal: Proposal): Proposal {
  const transforms = proposal.transforms.filter(
    ({ type }) => type !== TransformType.KE && !isAdditionalKe(type),
  );
  return { protocol: proposal.protocol, transforms, text: formatTransforms(transforms) };
}

const ORDER: readonly number[] = [
  TransformType.ENCR,
  TransformType.INTEG,
  TransformType.PRF,
  TransformType.KE,
  TransformType.ADDKE1,
  TransformType.ADDKE2,
  TransformType.ADDKE3,
  TransformType.ADDKE4,
  TransformType.ADDKE5,
  TransformType.ADDKE6,
  TransformType.ADDKE7,
  TransformType.SN,
];

/** The PRF that an integrity algorithm implies. */
const IMPLIED_PRF: Readonly<Record<number, number>> = {
  [Integ.AUTH_HMAC_MD5_96]: PrfId.PRF_HMAC_MD5,
  [Integ.AUTH_HMAC_SHA1_96]: PrfId.PRF_HMAC_SHA1,
  [Integ.AUTH_AES_XCBC_96]: PrfId.PRF_AES128_XCBC,
  [Integ.AUTH_AES_CMAC_96]: PrfId.PRF_AES128_CMAC,
  [Integ.AUTH_HMAC_SHA2_256_128]: PrfId.PRF_HMAC_SHA2_256,
  [Integ.AUTH_HMAC_SHA2_384_192]: PrfId.PRF_HMAC_SHA2_384,
  [Integ.AUTH_HMAC_SHA2_512_256]: PrfId.PRF_HMAC_SHA2_512,
};

function isImplied({ type, id }: Transform, among: readonly Transform[]): boolean {
  if (type === TransformType.INTEG) return id === Integ.NONE;
  const isDefault =
    type === TransformType.SN
      ? id === SequenceNumbers.SEQUENTIAL_32
      : (type === TransformType.KE || isAdditionalKe(type)) && id === KeMethod.NONE;
  return isDefault && !among.some(other => other.type === type && other.id !== id);
}

/** Types that have no place of their own come last. */
function placeOf({ type }: Transform): number {
  const place = ORDER.indexOf(type);
  return place < 0 ? ORDER.length : place;
}

function parseProposal(text: string, protocol: Protocol, column: number): Proposal {
  const transforms: Transform[] = [];
  let at = column;
  for (const part of text.split('-')) {
    const written = part.trim();
    const transform = parseKeyword(written, protocol, at + part.indexOf(written));
    if (transform !== undefined && !transforms.some(other => sameTransform(other, transform)))
      transforms.push(transform);
    at += part.length + 1;
  }
  return { protocol, transforms: completed(transforms, text, protocol, column), text };
}

/** Undefined for a PRF in ESP or AH, which is dropped. */
function parseKeyword(written: string, protocol: Protocol, column: number): Transform | undefined {
  const text = written.toLowerCase();
  if (text === '') throw new ProposalError('an algorithm is missing here', '', column);
  const meanings = keywordsOf(text);
  const meaning = meanings.find(({ uses }) => uses.includes(protocol));
  if (meaning !== undefined) return meaning.transform;
  if (protocol !== 'ike' && meanings.some(({ transform }) => transform.type === TransformType.PRF))
    return undefined;
  if (meanings.length > 0) {
    throw new ProposalError(
      `"${written}" cannot be used in a proposal for ${NAMES[protocol]}`,
      written,
      column,
    );
  }
  const nearest = nearestKeyword(text, protocol);
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`;
  throw new ProposalError(`no algorithm is called "${written}"${hint}`, written, column, nearest);
}

const NAMES: Readonly<Record<Protocol, string>> = { ike: 'IKE', esp: 'ESP', ah: 'AH' };

/** Adds what the keywords imply, drops what has no place beside others, refuses what cannot be. */
function completed(
  given: readonly Transform[],
  text: string,
  protocol: Protocol,
  column: number,
): Transform[] {
  const of = (type: number): Transform[] => given.filter(transform => transform.type === type);
  const refuse = (why: string): never => {
    throw new ProposalError(`proposal "${text}" ${why}`, text, column);
  };
  const ciphers = of(TransformType.ENCR);
  const aead = ciphers.filter(({ id }) => isAead(id)).length;
  const named = of(TransformType.INTEG);
  const integrity = aead > 0 && protocol !== 'ah' ? [] : named;
  if (protocol !== 'ah' && ciphers.length === 0) refuse('names no cipher');
  if (aead > 0 && aead < ciphers.length) {
    refuse('mixes ciphers that authenticate with others that do not: write two proposals');
  }
  if (aead === 0 && integrity.length === 0) refuse('names no integrity algorithm');
  const exchanges = given.filter(({ type }) => type === TransformType.KE || isAdditionalKe(type));
  if (protocol !== 'ike') {
    const sequence = of(TransformType.SN);
    const none = { type: TransformType.SN, id: SequenceNumbers.SEQUENTIAL_32 };
    return [...ciphers, ...integrity, ...exchanges, ...(sequence.length > 0 ? sequence : [none])];
  }
  const prfs = of(TransformType.PRF);
  const implied = named.flatMap(({ id }) => {
    const prf = IMPLIED_PRF[id];
    return prf === undefined ? [] : [{ type: TransformType.PRF, id: prf }];
  });
  if (prfs.length === 0 && implied.length === 0) refuse('names no PRF, such as prfsha256');
  if (of(TransformType.KE).length === 0) refuse('names no key exchange method, such as x25519');
  return [...ciphers, ...integrity, ...(prfs.length > 0 ? prfs : implied), ...exchanges];
}

function sameTransform(a: Transform, b: Transform): boolean {
  return a.type === b.type && a.id === b.id && a.keyLength === b.keyLength;
}
