import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CertificateList } from '@peculiar/asn1-x509';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
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
  const provider = nodeProvider();
  let read = 0;
  let compared = 0;
  for (const [file, der] of readTarGz(dataPath(ARCHIVE))) {
    let crl: Crl;
    try {
      crl = parseCrl(der, provider);
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
    const serials = new Set(
      revoked.map(({ userCertificate }) => Buffer.from(userCertificate).toString('hex')),
    );
    assert.equal(crl.size, serials.size, file);
    for (const { userCertificate, revocationDate } of revoked.slice(-1)) {
      assert.equal(crl.find(new Uint8Array(userCertificate))?.at, revocationDate.getTime().getTime(), file);
    }
  }
  assert.ok(read >= 40 && compared >= 30, `${read} read, ${compared} compared`);
});
