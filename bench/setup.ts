import { keyExchangeOf } from '../src/crypto/ke/key-exchange.ts';
import { childKeys, ikeSaKeys, pskAuth } from '../src/crypto/keymat-v2.ts';
import { prfOf } from '../src/crypto/prf/prf.ts';
import type { PacketCipher } from '../src/crypto/provider.ts';
import { schemeByName } from '../src/crypto/sign/registry.ts';
import { Encr, KeMethod, PrfId } from '../src/iana/transforms.ts';
import { Secret } from '../src/lib/secret.ts';
import { cpuSince, Pair } from './pair.ts';
import { ecdsaParties, must, type Parties, pskParties } from './parties.ts';
import type { Row } from './row.ts';
import { bareCryptoV1, v1Parties } from './setup-v1.ts';

const ROUNDS = 11;
/** The compiler is still at work on the later half of these. */
const WARM_UP = 10;
const SLICE = 20;

/** Octets that AUTH covers, of a body of ID, and of a protected message: about those of the measured set-up. */
const SIGNED = 400;
const ID = 13;
const SEALED = 300;

/**
 * What a responder spends on IKE_SA_INIT and IKE_AUTH, or on main mode and quick mode, against what the crypto in them costs alone. Both are measured in
 * turn, a few at a time, so that the machine's mood falls out of the ratio.
 */
export function benchSetup(): Row[] {
  return [
    measure('PSK, X25519, AES-128-GCM', pskParties(), bareCrypto),
    measure('ECDSA P-256, X25519, AES-128-GCM', ecdsaParties(), bareCrypto),
    measure('IKEv1, PSK, MODP-2048, AES-128-CBC', v1Parties(), bareCryptoV1, 100),
  ].flat();
}

function measure(
  name: string,
  parties: Parties,
  bareOf: (parties: Parties) => () => void,
  perRound = 400,
): Row[] {
  const bare = bareOf(parties);
  const times: number[] = [];
  const bares: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const pair = new Pair(parties.provider, parties.initiator, parties.responder);
    let bareTime = 0;
    for (let slice = 0; slice < perRound / SLICE; slice++) {
      for (let i = 0; i < SLICE; i++) pair.setUp();
      const before = process.threadCpuUsage();
      for (let i = 0; i < SLICE; i++) bare();
      bareTime += cpuSince(before);
    }
    // The first rounds warm the compiler up.
    if (round < 0) continue;
    times.push(pair.responderTime / perRound);
    bares.push(bareTime / perRound);
  }
  const time = median(times);
  const crypto = median(bares);
  const ratio = median(times.map((value, i) => value / (bares[i] as number)));
  return [
    {
      name: `${name}: one set-up`,
      value: time,
      unit: 'µs',
      ratio,
      baseline: `its crypto alone (${crypto.toFixed(0)} µs)`,
      target: '≤ 2×',
      met: ratio <= 2,
    },
    { name: `${name}: set-ups a CPU second`, value: 1e6 / time, unit: '' },
  ];
}

/** The responder's primitives in the order and number in which a set-up needs them. */
function bareCrypto({ provider, responder }: Parties): () => void {
  const prf = must(prfOf(provider, PrfId.PRF_HMAC_SHA2_256));
  const x25519 = must(keyExchangeOf(provider, KeMethod.CURVE25519));
  const peer = x25519.initiate();
  const nonces = { initiator: provider.random(32), responder: provider.random(32) };
  const spis = { initiator: 1n, responder: 2n };
  const suite = { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: 0 };
  const octets = provider.random(SIGNED);
  const ends = [provider.random(22), provider.random(22), provider.random(22), provider.random(22)];
  const cipher = (): PacketCipher =>
    must(
      provider.packetCipher({ ...suite, encryptionKey: key, integrityKey: new Secret(new Uint8Array(0)) }),
    );
  const key = new Secret(provider.random(20));
  const sealed = new Uint8Array(SEALED);
  cipher().seal(sealed, 32);
  const mac = prf.mac.bind(prf);
  const proof = prepareProof();

  function prepareProof(): () => void {
    const [privateKey] = responder.credentials.privateKeys;
    if (privateKey === undefined) {
      const secret = provider.random(28);
      return () => {
        // Both sides' AUTH: the peer's is computed to compare with.
        for (let i = 0; i < 2; i++) pskAuth({ prf, secret, signedOctets: octets });
      };
    }
    const scheme = must(schemeByName('ecdsa-sha256'));
    const signature = provider.sign(privateKey, scheme, octets);
    return () => {
      provider.sign(privateKey, scheme, octets);
      provider.verify(privateKey.publicKey, scheme, octets, signature);
    };
  }

  return () => {
    // IKE_SA_INIT: SPI, nonce, key exchange, keys, and the hashes of NAT detection in both messages.
    provider.random(8);
    provider.random(32);
    const { sharedSecret } = x25519.respond(peer.publicValue);
    const keys = ikeSaKeys({ prf, suite, spis, nonces, sharedSecret: sharedSecret.reveal() });
    for (const end of ends) provider.hash('sha1', end);
    // IKE_AUTH: the request opened, both sides' ID and AUTH, the child's keys, the response sealed.
    cipher().open(sealed.slice(), 32);
    mac(keys.skPi.reveal(), octets.subarray(0, ID));
    mac(keys.skPr.reveal(), octets.subarray(0, ID));
    proof();
    childKeys({ prf, skD: keys.skD, nonces, algorithms: suite });
    cipher().seal(new Uint8Array(SEALED), 32);
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}
