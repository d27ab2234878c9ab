import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { parseSignatureAlgorithm } from './signature-algorithm.ts';

const parse = (hex: string): ReturnType<typeof parseSignatureAlgorithm> =>
  parseSignatureAlgorithm(fromHex(hex.replaceAll(' ', '')) as Uint8Array);

const pss = (parameters: string): string => {
  const length = (parameters.length / 2).toString(16).padStart(2, '0');
  const whole = `06092a864886f70d01010a30${length}${parameters}`;
  return `30${(whole.length / 2).toString(16).padStart(2, '0')}${whole}`;
};

const SHA256 = '300d06096086480165030402010500';
const SHA384_WITHOUT_NULL = '300b0609608648016503040202';

for (const [hex, name] of [
  ['300d06092a864886f70d01010b0500', 'rsa-sha256'],
  ['300b06092a864886f70d01010b', 'rsa-sha256'],
  ['300d06092a864886f70d0101050500', 'rsa-sha1'],
  ['300a06082a8648ce3d040303', 'ecdsa-sha384'],
  ['300506032b6571', 'ed448'],
  ['300b0609608648016503040302', 'dsa-sha256'],
  [pss(`a00f${SHA256}a11c301a06092a864886f70d010108${SHA256}a203020120`), 'rsa/pss-sha256'],
  [
    pss(`a00d${SHA384_WITHOUT_NULL}a11a301806092a864886f70d010108${SHA384_WITHOUT_NULL}a203020130`),
    'rsa/pss-sha384',
  ],
  [pss(''), 'rsa/pss-sha1'],
  [pss(`a00f${SHA256}a203020120`), undefined],
  [pss(`a00f${SHA256}a11c301a06092a864886f70d010109${SHA256}`), undefined],
  [pss(`a00f${SHA256}a11c301a06092a864886f70d010108${SHA256}a303020102`), undefined],
  [pss('a20402020201'), undefined],
  ['300b06092a864886f70d01010a', undefined],
  ['300c06082a8648ce3d0403030400', undefined],
  ['300406022a03', undefined],
] as const) {
  test(`${hex} is ${name ?? 'nothing that verifies'}`, () => assert.equal(parse(hex).scheme?.name, name));
}

test('the salt is as long as the parameters say', () => {
  assert.equal(parse(pss(`a00f${SHA256}a11c301a06092a864886f70d010108${SHA256}`)).scheme?.saltLength, 20);
  assert.equal(
    parse(pss(`a00f${SHA256}a11c301a06092a864886f70d010108${SHA256}a203020107`)).scheme?.saltLength,
    7,
  );
});

for (const hex of [
  '',
  '3000',
  '30020500',
  '300f06092a864886f70d01010b05000500',
  pss('0500'),
  pss('a203020120a203020120'),
  pss('a2020500'),
]) {
  test(`"${hex}" is refused`, () => assert.throws(() => parse(hex), Malformed));
}
