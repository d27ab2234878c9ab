import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { phaseOneKeys, skeyidPsk, v1Hash } from '../../src/crypto/keymat-v1.ts';
import { childKeys, type IkeSaKeys, ikeSaKeys, rekeyedIkeSaKeys } from '../../src/crypto/keymat-v2.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { prfOf, prfPlus } from '../../src/crypto/prf/prf.ts';
import type { HashName } from '../../src/crypto/provider.ts';
import { Encr, Integ, PrfId } from '../../src/iana/transforms.ts';
import { concat, fromHex, toHex } from '../../src/lib/bytes.ts';
import { Secret } from '../../src/lib/secret.ts';
import { dataPath, withoutData } from '../data.ts';

const provider = nodeProvider();
const IKEV2 = 'vectors/cavp/ikev2.fax.gz';
const IKEV1 = 'vectors/cavp/ikev1_psk.fax.gz';

/** The cases of a CAVS file: `name = hex` lines, each under the last hash named in brackets. */
function casesOf(path: string): { readonly hash: string; readonly fields: ReadonlyMap<string, string> }[] {
  const cases: { hash: string; fields: Map<string, string> }[] = [];
  let hash = '';
  for (const line of gunzipSync(readFileSync(dataPath(path)))
    .toString()
    .split(/\r?\n/)) {
    const header = /^\[(SHA-\d+)\]/.exec(line);
    const field = /^(.+?) = (.*)$/.exec(line);
    if (header !== null) hash = header[1] as string;
    else if (line.startsWith('COUNT')) cases.push({ hash, fields: new Map() });
    else if (field !== null && !line.startsWith('['))
      cases.at(-1)?.fields.set(field[1] as string, field[2] as string);
  }
  return cases;
}

const PRFS: Readonly<Record<string, number>> = {
  'SHA-1': PrfId.PRF_HMAC_SHA1,
  'SHA-256': PrfId.PRF_HMAC_SHA2_256,
  'SHA-384': PrfId.PRF_HMAC_SHA2_384,
  'SHA-512': PrfId.PRF_HMAC_SHA2_512,
};

/** Three keys of the PRF, two of 20 octets, two of 16: as much as every case has, whatever its PRF. */
const SUITE = { encryption: Encr.ENCR_AES_CBC, keyLength: 128, integrity: Integ.AUTH_HMAC_SHA1_96 };

function inOrder({ skD, skAi, skAr, skEi, skEr, skPi, skPr }: IkeSaKeys): string {
  return toHex(concat(...[skD, skAi, skAr, skEi, skEr, skPi, skPr].map(key => key.reveal())));
}

test('IKEv2 key derivation: CAVS 17.3', { skip: withoutData(IKEV2) }, () => {
  const cases = casesOf(IKEV2);
  for (const { hash, fields } of cases) {
    const hex = (name: string): Uint8Array => fromHex(fields.get(name) ?? '') as Uint8Array;
    const prf = prfOf(provider, PRFS[hash] as number);
    assert.ok(prf, hash);
    const nonces = { initiator: hex('Ni'), responder: hex('Nr') };
    const spis = {
      initiator: BigInt(`0x${fields.get('SPIi')}`),
      responder: BigInt(`0x${fields.get('SPIr')}`),
    };
    const dkm = fields.get('DKM') as string;
    const seed = concat(nonces.initiator, nonces.responder, hex('SPIi'), hex('SPIr'));
    assert.equal(toHex(prfPlus(prf, hex('SKEYSEED'), seed, dkm.length / 2)), dkm);

    const keys = ikeSaKeys({ prf, suite: SUITE, spis, nonces, sharedSecret: hex('g^ir') });
    // Of the longer PRFs some cases stop short of the last key
    const compared = Math.min(inOrder(keys).length, dkm.length);
    assert.equal(inOrder(keys).slice(0, compared), dkm.slice(0, compared));

    const sharedSecret = hex('g^ir (new)');
    for (const [field, secret] of [
      ['DKM(Child SA)', {}],
      ['DKM(Child SA D-H)', { sharedSecret }],
    ] as const) {
      const child = childKeys({ prf, skD: keys.skD, nonces, ...secret, algorithms: SUITE });
      const { initiatorToResponder: out, responderToInitiator: back } = child;
      const keymat = [out.encryption, out.integrity, back.encryption, back.integrity];
      assert.equal(
        toHex(concat(...keymat.map(key => key.reveal()))),
        (fields.get(field) as string).slice(0, 144),
      );
    }

    const rekeyed = rekeyedIkeSaKeys({
      prf,
      oldPrf: prf,
      oldSkD: keys.skD,
      suite: SUITE,
      spis,
      nonces,
      sharedSecret,
    });
    const length = inOrder(rekeyed).length;
    assert.equal(inOrder(rekeyed), toHex(prfPlus(prf, hex('SKEYSEED(Rekey)'), seed, length / 2)));
  }
  assert.equal(cases.length, 900);
});

const HASHES: Readonly<Record<string, HashName>> = {
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

test('IKEv1 key derivation with pre-shared keys: CAVS 17.3', { skip: withoutData(IKEV1) }, () => {
  const cases = casesOf(IKEV1);
  for (const { hash: name, fields } of cases) {
    const hex = (field: string): Uint8Array => fromHex(fields.get(field) ?? '') as Uint8Array;
    const hash = v1Hash(provider, HASHES[name] as HashName);
    const cookies = {
      initiator: BigInt(`0x${fields.get('CKY_I')}`),
      responder: BigInt(`0x${fields.get('CKY_R')}`),
    };
    const nonces = { initiator: hex('Ni'), responder: hex('Nr') };
    const skeyid = skeyidPsk(hash, hex('pre-shared-key'), nonces);
    assert.ok(skeyid instanceof Secret);
    const keys = phaseOneKeys(hash, skeyid, hex('g^xy'), cookies);
    assert.equal(toHex(keys.skeyid.reveal()), fields.get('SKEYID'));
    assert.equal(toHex(keys.skeyidD.reveal()), fields.get('SKEYID_d'));
    assert.equal(toHex(keys.skeyidA.reveal()), fields.get('SKEYID_a'));
    assert.equal(toHex(keys.skeyidE.reveal()), fields.get('SKEYID_e'));
  }
  assert.equal(cases.length, 1700);
});
