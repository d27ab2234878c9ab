import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CertificateList } from '@peculiar/asn1-x509';
import { Malformed } from '../../src/lib/reader.ts';
import { type Crl, parseCrl } from '../../src/pki/crl.ts';
import { dataPath, withoutData } from '../data.ts';
import { readTarGz } from '../tar.ts';

const ARCHIVE = 'corpora/x509/crls.tar.gz';
/** Above this the other decoder takes seconds. */
const COMPARED = 8192;

test('every CRL of the corpus is read or Malformed, and read as another decoder reads it', {
  skip: withoutData(ARCHIVE),
}, () => {
  let read = 0;
  let compared = 0;
  for (const [file, der] of readTarGz(dataPath(ARCHIVE))) {
    let crl: Crl;
    try {
      crl = parseCrl(der);
    } catch (error) {
      assert.ok(error instanceof Malformed, `${file}: ${error}`);
      continue;
    }
    read++;
    if (der.length > COMPARED) continue;
    compared++;
    const { tbsCertList } = AsnConvert.parse(der, CertificateList);
    const revoked = tbsCertList.revokedCertificates ?? [];
    assert.equal(crl.thisUpdate, tbsCertList.thisUpdate.getTime().getTime(), file);
    assert.equal(crl.nextUpdate, tbsCertList.nextUpdate?.getTime().getTime(), file);
    assert.equal(crl.size, revoked.length, file);
    const last = new Map(
      revoked.map(({ userCertificate, revocationDate }) => [
        Buffer.from(userCertificate).toString('hex'),
        revocationDate.getTime().getTime(),
      ]),
    );
    for (const [serial, at] of last) assert.equal(crl.find(Buffer.from(serial, 'hex'))?.at, at, file);
  }
  assert.ok(read >= 40 && compared >= 30, `${read} read, ${compared} compared`);
});
