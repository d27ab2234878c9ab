import { v1Hash } from '../../../crypto/keymat-v1.ts';
import { OakleyAuthMethod, V1CertEncoding, V1PayloadType } from '../../../iana/ikev1.ts';
import { EMPTY } from '../../../lib/bytes.ts';
import type { V1CertPayload, V1Payload } from '../../../wire/v1/payload.ts';
import { first, type Message } from '../../flow.ts';
import type { Share } from '../method.ts';
import { BodyChain } from './body-chain.ts';
import { encryptionMethod } from './method.ts';
import type { Parties } from './parties.ts';
import { bodyOf, hidden, hiddenId, hiddenNonce, identityOf, malformedShare, type Veil } from './veil.ts';

/*
 *   HDR, [ HASH(1), ] <Ni_b>Pubkey_r, <KE_b>Ke_i, <IDii_b>Ke_i, [<<Cert-I_b>Ke_i]     -->
 *                              <--  HDR, <Nr_b>PubKey_i, <KE_b>Ke_r, <IDir_b>Ke_r                 RFC 2409 §5.3
 *
 * All payloads behind the nonce are encrypted but HASH_R. In main mode the nonce is the first, so that what rides along
 * is encrypted too; in aggressive mode it stands in front of the nonce.
 */

/** The chain that our share began: what rides along in main mode goes on with it. */
const chains = new WeakMap<Parties, BodyChain>();

const veil: Veil = {
  share(parties, { publicValue, nonce, id }) {
    const { initiatorSpi, responderSpi, role } = parties.run.sa;
    const chain = chainOf(parties, nonce, role === 'initiator' ? initiatorSpi : responderSpi);
    chains.set(parties, chain);
    const named = parties.namedTarget;
    const seal = (type: number, body: Uint8Array): V1Payload => hidden(type, chain.seal(body));
    return [
      ...(named === undefined ? [] : [{ type: V1PayloadType.HASH, data: named }]),
      hidden(V1PayloadType.NONCE, parties.encrypt(nonce, 'a nonce')),
      seal(V1PayloadType.KE, publicValue),
      ...(id === undefined ? [] : [seal(V1PayloadType.ID, bodyOf(id))]),
      ...ownCertificates(parties).map(payload => seal(payload.type, bodyOf(payload))),
    ];
  },

  arrange(parties, own, others) {
    const chain = chains.get(parties);
    if (parties.run.mode === 'aggressive' || chain === undefined) return [...others, ...own];
    const rest = others.map(payload =>
      hidden(payload.type === 'unknown' ? payload.number : payload.type, chain.seal(bodyOf(payload))),
    );
    return [...own, ...rest];
  },

  readShare(parties, message) {
    const at = message.payloads.findIndex(({ type }) => type === V1PayloadType.NONCE);
    const nonce = message.payloads[at];
    const [clear, covered] = [message.payloads.slice(0, at), message.payloads.slice(at + 1)];
    if (nonce === undefined || clear.some(isHidden) || !HIDDEN.every(type => has(covered, type)))
      throw malformedShare('has its public value or identity elsewhere than behind the nonce');
    parties.decryptBy(first({ payloads: clear }, V1PayloadType.HASH)?.data);
    return uncover(parties, message, hiddenNonce(parties, bodyOf(nonce)), clear, covered);
  },
};

const HIDDEN: readonly number[] = [V1PayloadType.KE, V1PayloadType.ID];

function uncover(
  parties: Parties,
  { header }: Message,
  nonce: Uint8Array,
  clear: readonly V1Payload[],
  covered: readonly V1Payload[],
): Share {
  const isInitiator = parties.run.sa.role === 'initiator';
  const chain = chainOf(parties, nonce, isInitiator ? header.responderSpi : header.initiatorSpi);
  let [publicValue, id] = [EMPTY, EMPTY];
  const certificates: V1CertPayload[] = [];
  const payloads = covered.map((payload): V1Payload => {
    const { type } = payload;
    if (type === V1PayloadType.HASH) return payload;
    const body = chain.open(bodyOf(payload));
    if (type === V1PayloadType.KE) publicValue = body ?? EMPTY;
    else if (type === V1PayloadType.ID) id = body ?? EMPTY;
    else if (type === V1PayloadType.CERT && body?.[0] === V1CertEncoding.X509_SIGNATURE)
      certificates.push({ type, encoding: body[0], data: body.subarray(1) });
    // Some will not read "all payloads" as we do.
    else if ((type === V1PayloadType.NAT_D || type === V1PayloadType.NAT_D_DRAFT) && body !== undefined)
      return { type, data: body };
    return payload;
  });
  const said = hiddenId(id);
  parties.certificates = certificates;
  parties.meet(identityOf(said));
  return { publicValue, nonce, id: said, veiled: true, payloads: [...clear, ...payloads] };
}

function chainOf(parties: Parties, nonce: Uint8Array, cookie: bigint): BodyChain {
  const { sa, suite } = parties.run;
  const { provider } = sa.host;
  if (suite === undefined) throw new Error('a share before anything is agreed');
  return new BodyChain({ provider, hash: v1Hash(provider, suite.hash), suite, nonce, cookie });
}

/** The initiator may send one where the responder does not have it. */
function ownCertificates({ own, run }: Parties): readonly V1CertPayload[] {
  const { role, connection, peer } = run.sa;
  const isWanted = connection.sendCert === 'always' || peer.certificateAsked;
  if (role === 'responder' || !isWanted) return [];
  return own.certificates
    .filter(({ encoding }) => encoding === V1CertEncoding.X509_SIGNATURE)
    .map(({ encoding, data }) => ({ type: V1PayloadType.CERT, encoding, data }));
}

function isHidden({ type }: V1Payload): boolean {
  return type !== 'unknown' && HIDDEN.includes(type);
}

function has(payloads: readonly V1Payload[], wanted: number): boolean {
  return payloads.some(({ type }) => type === wanted);
}

/** Nonces encrypted to the other's public key, and all else by keys that come of the nonces. */
export const revisedEncryption = encryptionMethod(
  'pubkey-encryption-revised',
  OakleyAuthMethod.REVISED_RSA_ENCRYPTION,
  veil,
);
