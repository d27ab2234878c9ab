import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
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
  skeyidPsk,
  v1Hash,
} from '../../src/crypto/keymat-v1.ts';
import { childKeys, ikeSaKeys, pskAuth, signedOctets } from '../../src/crypto/keymat-v2.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { prfOf } from '../../src/crypto/prf/prf.ts';
import { Encr, Integ, PrfId } from '../../src/iana/transforms.ts';
import { concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import { utf8 } from '../../src/lib/text.ts';
import { dataPath, withoutData } from '../data.ts';

const provider = nodeProvider();
const AOSP = 'vectors/transcripts/ikev2-psk-aosp.json';
const RUB = 'vectors/transcripts/ikev1-rub-nds.json';

function hex(text: string): Uint8Array {
  const octets = fromHex(text);
  assert.ok(octets, text);
  return octets;
}

test('a recorded IKEv2 exchange with a pre-shared key: keys, AUTH, SK payload', {
  skip: withoutData(AOSP),
}, () => {
  const record = JSON.parse(readFileSync(dataPath(AOSP), 'utf8')) as Record<string, string>;
  const field = (name: string): Uint8Array => hex(record[name] ?? '');
  const suite = { encryption: Encr.ENCR_AES_CBC, keyLength: 128, integrity: Integ.AUTH_HMAC_SHA1_96 };
  const prf = prfOf(provider, PrfId.PRF_HMAC_SHA1);
  assert.ok(prf);
  const nonces = { initiator: field('Ni'), responder: field('Nr') };
  const keys = ikeSaKeys({
    prf,
    suite,
    spis: { initiator: BigInt(`0x${record['SPIi']}`), responder: BigInt(`0x${record['SPIr']}`) },
    nonces,
    sharedSecret: field('g_ir'),
  });
  for (const [name, key] of Object.entries({
    SK_d: keys.skD,
    SK_ai: keys.skAi,
    SK_ar: keys.skAr,
    SK_ei: keys.skEi,
    SK_er: keys.skEr,
    SK_pi: keys.skPi,
    SK_pr: keys.skPr,
  })) {
    assert.equal(toHex(key.reveal()), record[name], name);
  }

  const child = childKeys({ prf, skD: keys.skD, nonces, algorithms: suite });
  const { initiatorToResponder: out, responderToInitiator: back } = child;
  const keymat = [out.encryption, out.integrity, back.encryption, back.integrity].map(key => key.reveal());
  assert.equal(toHex(concat(...keymat)), record['firstChildKeymat']);

  const octets = signedOctets({
    prf,
    message: field('ikeSaInitRequest'),
    nonce: nonces.responder,
    skP: keys.skPi,
    idBody: field('IDi_body'),
  });
  assert.equal(toHex(pskAuth({ prf, secret: field('psk'), signedOctets: octets })), record['AUTH_i']);

  const cipher = provider.packetCipher({ ...suite, encryptionKey: keys.skEi, integrityKey: keys.skAi });
  assert.ok(cipher);
  const request = field('ikeAuthRequest');
  const tampered = request.slice();
  tampered[17] = 0xff;
  assert.equal(cipher.open(tampered, 32), false);
  assert.ok(cipher.open(request, 32));
  const opened = toHex(request.subarray(32 + cipher.ivLength, -cipher.icvLength));
  assert.equal(opened, record['ikeAuthPlaintext']);
});

interface Transcript {
  readonly name: string;
  readonly psk?: string;
  readonly gxy: string;
  readonly messages: readonly { readonly dir: string; readonly hex: string }[];
  readonly plain5?: string;
  readonly plain6?: string;
  readonly quickModePlain: readonly string[];
  readonly [name: string]: unknown;
}

/** A payload's body out of a chain, by its place: 1-based, as the messages here are known to stand. */
function bodiesOf(chain: Uint8Array): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let at = 0; at + 4 <= chain.length; ) {
    const length = ((chain[at + 2] as number) << 8) | (chain[at + 3] as number);
    if (length < 4) break;
    bodies.push(chain.subarray(at + 4, at + length));
    at += length;
  }
  return bodies;
}

test('recorded IKEv1 exchanges with a pre-shared key', { skip: withoutData(RUB) }, () => {
  const { transcripts } = JSON.parse(readFileSync(dataPath(RUB), 'utf8')) as { transcripts: Transcript[] };
  assert.deepEqual(
    transcripts.map(({ name }) => name),
    ['testAggressiveModePSKHandshake', 'testMainModePSKHandshake'],
  );
  const hash = v1Hash(provider, 'sha1');
  for (const transcript of transcripts) {
    const messages = transcript.messages.map(message => hex(message.hex));
    const aggressive = transcript.name.includes('Aggressive');
    const [first, second, third, fourth] = messages.map(message =>
      bodiesOf(message.subarray(28)),
    ) as Uint8Array[][];
    assert.ok(first && second && third && fourth);
    // Aggressive mode: SA, KE, NONCE, ID in both directions; main mode: SA, then KE, NONCE
    const [keI, nonceI] = aggressive ? [first[1], first[2]] : [third[0], third[1]];
    const [keR, nonceR] = aggressive ? [second[1], second[2]] : [fourth[0], fourth[1]];
    assert.ok(keI && keR && nonceI && nonceR);
    const nonces = { initiator: nonceI, responder: nonceR };
    const view = new DataView((messages[1] as Uint8Array).buffer);
    const cookies = { initiator: view.getBigUint64(0), responder: view.getBigUint64(8) };

    const gxy = hex(transcript.gxy);
    const keys = phaseOneKeys(hash, skeyidPsk(hash, utf8(transcript.psk as string), nonces), gxy, cookies);
    assert.equal(toHex(keys.skeyid.reveal()), transcript['SKEYID']);
    assert.equal(toHex(keys.skeyidD.reveal()), transcript['SKEYID_d']);
    assert.equal(toHex(keys.skeyidA.reveal()), transcript['SKEYID_a']);
    assert.equal(toHex(keys.skeyidE.reveal()), transcript['SKEYID_e']);
    const key = phaseOneCipherKey(hash, keys.skeyidE, 16);
    assert.equal(toHex(key.reveal()), transcript['cipherKey']);
    assert.equal(toHex(phaseOneIv(hash, keI, keR, 16)), transcript['phase1IV']);

    const cbc = provider.cbcCipher(Encr.ENCR_AES_CBC, key.reveal());
    assert.ok(cbc);
    const common = {
      skeyid: keys.skeyid,
      initiatorPublic: keI,
      responderPublic: keR,
      cookies,
      saBody: first[0] as Uint8Array,
    };
    let lastBlock = phaseOneIv(hash, keI, keR, 16);
    if (aggressive) {
      const idI = first[3] as Uint8Array;
      const idR = second[3] as Uint8Array;
      const hashes = [second.find(body => body.length === 20), third[0]].map(body =>
        toHex(body as Uint8Array),
      );
      assert.deepEqual(hashes, [
        toHex(hashR(hash, { ...common, idBody: idR })),
        toHex(hashI(hash, { ...common, idBody: idI })),
      ]);
    } else {
      for (const [at, plain, make] of [
        [4, transcript.plain5, hashI],
        [5, transcript.plain6, hashR],
      ] as const) {
        const sealed = (messages[at] as Uint8Array).subarray(28);
        const opened = cbc.decrypt(lastBlock, sealed);
        assert.equal(toHex(opened), plain);
        assert.equal(toHex(cbc.encrypt(lastBlock, opened)), toHex(sealed));
        lastBlock = sealed.subarray(-16);
        const [idBody, digest] = bodiesOf(opened);
        assert.ok(idBody && digest);
        assert.equal(toHex(make(hash, { ...common, idBody })), toHex(digest));
      }
    }

    const quick = messages.slice(aggressive ? 3 : 6);
    const messageId = new DataView((quick[0] as Uint8Array).buffer).getUint32(20);
    let iv = phaseTwoIv(hash, lastBlock, messageId, 16);
    const opened = quick.map((message, i) => {
      const sealed = message.subarray(28);
      const text = cbc.decrypt(iv, sealed);
      iv = sealed.subarray(-16);
      assert.equal(toHex(text), transcript.quickModePlain[i]);
      return text;
    });
    const [one, two, three] = opened.map(text => ({ text, bodies: bodiesOf(text) }));
    assert.ok(one && two && three);
    const [ni, nr] = [one.bodies[2] as Uint8Array, two.bodies[2] as Uint8Array];
    const rest = ({ text, bodies }: { text: Uint8Array; bodies: Uint8Array[] }): Uint8Array =>
      text.subarray(24, 4 * bodies.length + bodies.reduce((sum, body) => sum + body.length, 0));
    assert.equal(toHex(hash1(hash, keys.skeyidA, messageId, rest(one))), toHex(one.bodies[0] as Uint8Array));
    assert.equal(
      toHex(hash2(hash, keys.skeyidA, messageId, ni, rest(two))),
      toHex(two.bodies[0] as Uint8Array),
    );
    const both = { initiator: ni, responder: nr };
    assert.equal(toHex(hash3(hash, keys.skeyidA, messageId, both)), toHex(three.bodies[0] as Uint8Array));
  }
});
