import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { equal, toHex } from '../../src/lib/bytes.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { type Certificate, parseCertificate } from '../../src/pki/certificate.ts';
import { formatName, sameName } from '../../src/pki/name.ts';
import { encodeName } from '../../src/pki/name-text.ts';
import { dataPath, withoutData } from '../data.ts';
import { readTarGz } from '../tar.ts';

const ARCHIVE = 'corpora/x509/certificates.tar.gz';
const provider = nodeProvider();

/** A certificate with what two decoders that share nothing with ours make of it; undefined where one refuses. */
function readAll(der: Uint8Array): { ours?: Certificate; node?: X509Certificate; schema?: asn1.Certificate } {
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      return undefined;
    }
  };
  let ours: Certificate | undefined;
  try {
    ours = parseCertificate(der, provider);
  } catch (error) {
    assert.ok(error instanceof Malformed, String(error));
    return {};
  }
  const node = attempt(() => new X509Certificate(der));
  const schema = attempt(() => AsnConvert.parse(der, asn1.Certificate));
  return { ours, ...(node === undefined ? {} : { node }), ...(schema === undefined ? {} : { schema }) };
}

test('every certificate of the corpus is read or Malformed, and read as others read it', {
  skip: withoutData(ARCHIVE),
}, () => {
  const counts = { read: 0, node: 0, schema: 0 };
  for (const [file, der] of readTarGz(dataPath(ARCHIVE))) {
    const { ours, node, schema } = readAll(der);
    if (ours === undefined) continue;
    counts.read++;
    assert.ok(sameName(encodeName(ours.subject.text), ours.subject.der), `${file}: ${ours.subject.text}`);
    if (node !== undefined) {
      counts.node++;
      assert.equal(ours.fingerprint, node.fingerprint256.replaceAll(':', '').toLowerCase(), file);
      assert.equal(
        BigInt.asIntN(8 * ours.serial.length, BigInt(`0x${toHex(ours.serial)}`)),
        signed(node.serialNumber),
        file,
      );
      assert.equal(ours.notBefore, node.validFromDate.getTime(), file);
      assert.equal(ours.notAfter, node.validToDate.getTime(), file);
      assert.equal(ours.basicConstraints?.authority ?? false, node.ca, file);
      const { subjectAltName = '' } = node;
      const names = ours.subjectAltNames.flatMap(name => (name.kind === 'dns' ? [name.text] : []));
      for (const name of names) assert.ok(subjectAltName.includes(`DNS:${name}`), `${file}: ${name}`);
    }
    if (schema !== undefined) {
      counts.schema++;
      const { tbsCertificate, signatureValue } = schema;
      assert.ok(equal(ours.signature, new Uint8Array(signatureValue)), file);
      const oids = tbsCertificate.subject.flatMap(rdn => rdn.map(({ type }) => type));
      assert.equal(formatName(ours.subject.der) === '', oids.length === 0, file);
      const extensions = tbsCertificate.extensions ?? [];
      const has = (oid: string): boolean => extensions.some(({ extnID }) => extnID === oid);
      assert.equal(ours.keyUsage !== undefined, has(asn1.id_ce_keyUsage), file);
      assert.equal(ours.nameConstraints !== undefined, has(asn1.id_ce_nameConstraints), file);
      assert.equal(ours.extendedKeyUsage !== undefined, has(asn1.id_ce_extKeyUsage), file);
      const usage = extensions.find(({ extnID }) => extnID === asn1.id_ce_keyUsage);
      if (usage !== undefined) {
        assert.equal(ours.keyUsage, AsnConvert.parse(usage.extnValue, asn1.KeyUsage).toNumber(), file);
      }
    }
  }
  assert.ok(counts.read >= 50 && counts.node >= 40 && counts.schema >= 40, JSON.stringify(counts));
});

/** Node prints a negative serial number with its sign. */
function signed(hex: string): bigint {
  return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
}
