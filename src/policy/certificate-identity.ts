import { IdType } from '../iana/ikev2.ts';
import { equal } from '../lib/bytes.ts';
import { utf8 } from '../lib/text.ts';
import type { Certificate } from '../pki/certificate.ts';
import { addressIdentity, type Identity, sameIdentity } from './identity.ts';

/**
 * Whether a certificate speaks for an identity (RFC 4945 §3.1): a host name for a dNSName, a user name for an
 * rfc822Name, an address for an iPAddress, a name for the subject or a directoryName, a key ID for the subject key
 * identifier. The whole value must be the same: wildcards in certificates do not count, and a common name is no host name.
 */
export function certificateMatches(identity: Identity, certificate: Certificate): boolean {
  if (identity.type === IdType.ID_DER_ASN1_GN) {
    return certificate.subjectAltNames.some(({ der }) => equal(der, identity.data));
  }
  return certificateIdentities(certificate).some(own => sameIdentity(own, identity));
}

/** All identities that a certificate speaks for: its subject first, then the alternative names as they stand in it. */
export function certificateIdentities(certificate: Certificate): readonly Identity[] {
  const identities: Identity[] = [];
  if (certificate.subject.key !== '') {
    identities.push({ type: IdType.ID_DER_ASN1_DN, data: certificate.subject.der });
  }
  for (const name of certificate.subjectAltNames) {
    switch (name.kind) {
      case 'dns':
        identities.push({ type: IdType.ID_FQDN, data: utf8(name.text) });
        break;
      case 'email':
        identities.push({ type: IdType.ID_RFC822_ADDR, data: utf8(name.text) });
        break;
      case 'ip':
        identities.push(addressIdentity(name.octets));
        break;
      case 'dn':
        identities.push({ type: IdType.ID_DER_ASN1_DN, data: name.name });
        break;
    }
  }
  if (certificate.subjectKeyIdentifier !== undefined) {
    identities.push({ type: IdType.ID_KEY_ID, data: certificate.subjectKeyIdentifier });
  }
  return identities;
}
