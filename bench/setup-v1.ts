import { keyExchangeOf } from '../src/crypto/ke/key-exchange.ts';
import {
  hash1,
  hash2,
  hash3,
  hashI,
  hashR,
  phaseOneCipherKey,
  phaseOneIv,
  phaseOneKeys,
  phaseTwoIv,
  quickModeKeys,
  skeyidPsk,
  v1Hash,
} from '../src/crypto/keymat-v1.ts';
import { parseProposals } from '../src/crypto/proposal.ts';
import type { CbcCipher } from '../src/crypto/provider.ts';
import { Encr, KeMethod } from '../src/iana/transforms.ts';
import type { Connection } from '../src/policy/connection.ts';
import { childV1 } from '../test/sim/pair-v1.ts';
import { must, type Parties, type Party, pskParties } from './parties.ts';

const BLOCK = 16;
const ESP = 3;
/** Octets of an SA payload's body, of a body of ID, and of an encrypted message: about those of the measured set-up. */
const SA_BODY = 52;
const ID_BODY = 13;
const SEALED = 160;

/** Main mode with a shared key and MODP-2048, then quick mode without PFS. */
export function v1Parties(): Parties {
  const parties = pskParties();
  const proposals = parseProposals('aes128-sha256-modp2048', 'ike');
  const older = ({ connections, credentials }: Party): Party => ({
    connections: connections.map((one): Connection => {
      const children = one.children.map(({ localTs, remoteTs }) => childV1({ localTs, remoteTs }));
      return { ...one, version: 1, proposals, children };
    }),
    credentials,
  });
  return { ...parties, initiator: older(parties.initiator), responder: older(parties.responder) };
}

/** The responder's primitives in the order and number in which main mode and quick mode need them (RFC 2409 §5). */
export function bareCryptoV1({ provider }: Parties): () => void {
  const hash = v1Hash(provider, 'sha256');
  const group = must(keyExchangeOf(provider, KeMethod.MODP2048));
  const peer = group.initiate();
  const nonces = { initiator: provider.random(32), responder: provider.random(32) };
  const cookies = { initiator: 1n, responder: 2n };
  const secret = provider.random(28);
  const [saBody, idBody, message] = [SA_BODY, ID_BODY, SEALED].map(provider.random) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const ends = [22, 22, 22, 22].map(provider.random);
  const algorithms = { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: 0 };

  return () => {
    // Main mode: cookie, nonce, key exchange, the hashes of NAT detection in both messages, keys.
    provider.random(8);
    provider.random(32);
    const { publicValue, sharedSecret } = group.respond(peer.publicValue);
    for (const end of ends) provider.hash('sha256', end);
    const keys = phaseOneKeys(hash, skeyidPsk(hash, secret, nonces), sharedSecret.reveal(), cookies);
    const key = phaseOneCipherKey(hash, keys.skeyidE, BLOCK);
    const cipher: CbcCipher = must(provider.cbcCipher(Encr.ENCR_AES_CBC, key.reveal()));
    // Its last request opened and answered, with both sides' proofs.
    const iv = phaseOneIv(hash, peer.publicValue, publicValue, BLOCK);
    const proofs = {
      skeyid: keys.skeyid,
      initiatorPublic: peer.publicValue,
      responderPublic: publicValue,
      cookies,
      saBody,
      idBody,
    };
    cipher.decrypt(iv, message);
    hashI(hash, proofs);
    hashR(hash, proofs);
    cipher.encrypt(iv, message);
    // Quick mode: three messages, each with its hash, and the keys of both directions.
    const next = phaseTwoIv(hash, iv, 1, BLOCK);
    provider.random(32);
    cipher.decrypt(next, message);
    hash1(hash, keys.skeyidA, 1, message);
    hash2(hash, keys.skeyidA, 1, nonces.initiator, message);
    cipher.encrypt(next, message);
    cipher.decrypt(next, message);
    hash3(hash, keys.skeyidA, 1, nonces);
    for (const spi of [256, 257])
      quickModeKeys(hash, { skeyidD: keys.skeyidD, protocol: ESP, spi, nonces, algorithms });
  };
}
