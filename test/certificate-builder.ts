import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificateList,
  CRLDistributionPoints,
  CRLNumber,
  CRLReason,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  KeyIdentifier,
  KeyUsage,
  Name,
  NameConstraints,
  RevokedCertificate,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import { encodeName } from '../src/pki/name-text.ts';

/**
 * Certificates and revocation lists for tests, made by an encoder that shares no code with cygnet's parser. All
 * dates are fixed: use TEST_TIME as the present.
 */
export const TEST_TIME = Date.UTC(2030, 0, 1);

export type KeyType =
  | 'rsa1024'
  | 'rsa2048'
  | 'rsa3072'
  | 'p256'
  | 'p384'
  | 'p521'
  | 'brainpoolP256r1'
  | 'brainpoolP384r1'
  | 'brainpoolP512r1'
  | 'ed25519'
  | 'ed448';

/** Which extensions a certificate gets and what else differs from a sound one. */
export interface CertificateOptions {
  /** Subject, as `C=CH, CN=moon`. */
  readonly subject?: string;
  /** A key type, or a key pair to certify again. */
  readonly key?: KeyType | KeyPair;
  /** `dns:moon.example.org`, `email:…`, `ip:192.0.2.1`, `uri:…`, `dn:C=CH, CN=x`. */
  readonly names?: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** `KeyUsageFlags` bits; null for no such extension. */
  readonly keyUsage?: number | null;
  /** Object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
  /** True or a path length makes an authority. */
  readonly authority?: boolean | number;
  readonly permitted?: readonly string[];
  readonly excluded?: readonly string[];
  readonly crlUris?: readonly string[];
  readonly extensions?: readonly {
    readonly oid: string;
    readonly critical: boolean;
    readonly der: Uint8Array;
  }[];
  /** How the issuer signs; what suits its key by default. */
  readonly signature?: SignatureName;
  readonly serial?: Uint8Array;
  readonly version?: 1 | 3;
}

export type SignatureName =
  | 'pkcs1-sha256'
  | 'pkcs1-sha1'
  | 'pkcs1-md5'
  | 'pss-sha256'
  | 'pss-sha384'
  | 'ecdsa-sha1'
  | 'ecdsa-sha256'
  | 'ecdsa-sha384'
  | 'ecdsa-sha512'
  | 'ed25519'
  | 'ed448';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface Issued {
  readonly der: Uint8Array;
  /** The private key in PKCS #8, DER. */
  readonly pkcs8: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly key: KeyPair;
  readonly subject: string;
  readonly serial: Uint8Array;
}

export const USAGE = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32, cRLSign: 64 } as const;

/** A root, or with `parent` an intermediate authority. */
export function makeAuthority(options: CertificateOptions & { readonly parent?: Issued } = {}): Issued {
  const { parent, ...rest } = options;
  const wanted = {
    subject: 'C=CH, O=Lab, CN=Root',
    authority: true,
    keyUsage: USAGE.keyCertSign | USAGE.cRLSign,
    ...rest,
  };
  return build(parent, wanted);
}

/** An end-entity certificate; self-signed without an authority. */
export function issue(authority: Issued | undefined, options: CertificateOptions = {}): Issued {
  return build(authority, { subject: 'C=CH, O=Lab, CN=moon', keyUsage: USAGE.digitalSignature, ...options });
}

export interface CrlOptions {
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly revoked?: readonly {
    readonly serial: Uint8Array;
    readonly at?: number;
    readonly reason?: number;
  }[];
  readonly extensions?: CertificateOptions['extensions'];
  readonly signature?: SignatureName;
}

/** A revocation list of `authority`, DER. */
export function issueCrl(authority: Issued, options: CrlOptions = {}): Uint8Array {
  const name = options.signature ?? suitable(authority.key);
  const { nextUpdate = TEST_TIME + 30 * DAY } = options;
  const revoked = (options.revoked ?? []).map(
    ({ serial, at, reason }) =>
      new RevokedCertificate({
        userCertificate: arrayBuffer(serial),
        revocationDate: new Time(new Date(at ?? TEST_TIME - 10 * DAY)),
        ...(reason === undefined
          ? {}
          : {
              crlEntryExtensions: [
                extension('2.5.29.21', false, AsnConvert.serialize(new CRLReason(reason))),
              ],
            }),
      }),
  );
  const list = new TBSCertList({
    version: Version.v2,
    signature: algorithm(name),
    issuer: distinguishedName(authority.subject),
    thisUpdate: new Time(new Date(options.thisUpdate ?? TEST_TIME - DAY)),
    ...(nextUpdate === null ? {} : { nextUpdate: new Time(new Date(nextUpdate)) }),
    ...(revoked.length === 0 ? {} : { revokedCertificates: revoked }),
    crlExtensions: [
      extension('2.5.29.20', false, AsnConvert.serialize(new CRLNumber(7))),
      ...(options.extensions ?? []).map(({ oid, critical, der }) =>
        extension(oid, critical, arrayBuffer(der)),
      ),
    ],
  });
  const tbs = new Uint8Array(AsnConvert.serialize(list));
  const signature = arrayBuffer(makeSignature(authority.key, name, tbs));
  const whole = new CertificateList({ tbsCertList: list, signatureAlgorithm: algorithm(name), signature });
  return new Uint8Array(AsnConvert.serialize(whole));
}

/** A fresh key pair; RSA pairs, which are slow to make, are handed out again from the third on. */
export function keyPair(type: KeyType): KeyPair {
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  if (type === 'ed448') return generateKeyPairSync('ed448');
  if (!type.startsWith('rsa')) return generateKeyPairSync('ec', { namedCurve: CURVES[type] ?? type });
  const pairs = rsaPairs.get(type) ?? [];
  rsaPairs.set(type, pairs);
  const next = rsaHandedOut++ % MAX_RSA_PAIRS;
  const pair = pairs[next] ?? generateKeyPairSync('rsa', { modulusLength: Number(type.slice(3)) });
  pairs[next] = pair;
  return pair;
}

const DAY = 86_400_000;
const MAX_RSA_PAIRS = 2;
const rsaPairs = new Map<string, KeyPair[]>();
let rsaHandedOut = 0;
let serials = 0x1000;

const CURVES: Readonly<Record<string, string>> = { p256: 'prime256v1', p384: 'secp384r1', p521: 'secp521r1' };

function build(issuer: Issued | undefined, options: CertificateOptions): Issued {
  const { subject = 'CN=nobody', version = 3 } = options;
  const key = typeof options.key === 'object' ? options.key : keyPair(options.key ?? 'p256');
  const spki = new Uint8Array(key.publicKey.export({ format: 'der', type: 'spki' }));
  const signer = issuer?.key ?? key;
  const signature = options.signature ?? suitable(signer);
  const serial = options.serial ?? nextSerial();
  const tbs = new TBSCertificate({
    version: version === 1 ? Version.v1 : Version.v3,
    serialNumber: arrayBuffer(serial),
    signature: algorithm(signature),
    issuer: distinguishedName(issuer?.subject ?? subject),
    validity: new Validity({
      notBefore: new Date(options.notBefore ?? Date.UTC(2024, 0, 1)),
      notAfter: new Date(options.notAfter ?? Date.UTC(2044, 0, 1)),
    }),
    subject: distinguishedName(subject),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    ...(version === 1 ? {} : { extensions: new Extensions(extensionsOf(spki, issuer, options)) }),
  });
  const octets = new Uint8Array(AsnConvert.serialize(tbs));
  const certificate = new Certificate({
    tbsCertificate: tbs,
    signatureAlgorithm: algorithm(signature),
    signatureValue: arrayBuffer(makeSignature(signer, signature, octets)),
  });
  return {
    der: new Uint8Array(AsnConvert.serialize(certificate)),
    pkcs8: new Uint8Array(key.privateKey.export({ format: 'der', type: 'pkcs8' })),
    spki,
    key,
    subject,
    serial,
  };
}

function extensionsOf(
  spki: Uint8Array,
  issuer: Issued | undefined,
  options: CertificateOptions,
): Extension[] {
  const own = new SubjectKeyIdentifier(keyIdentifier(spki));
  const list = [extension('2.5.29.14', false, AsnConvert.serialize(own))];
  const authorityKey = new AuthorityKeyIdentifier({
    keyIdentifier: new KeyIdentifier(keyIdentifier(issuer?.spki ?? spki)),
  });
  list.push(extension('2.5.29.35', false, AsnConvert.serialize(authorityKey)));
  const { authority = false, keyUsage, permitted, excluded } = options;
  const constraints = new BasicConstraints({
    cA: authority !== false,
    ...(typeof authority === 'number' ? { pathLenConstraint: authority } : {}),
  });
  list.push(extension('2.5.29.19', true, AsnConvert.serialize(constraints)));
  if (keyUsage !== undefined && keyUsage !== null) {
    list.push(extension('2.5.29.15', true, AsnConvert.serialize(new KeyUsage(keyUsage))));
  }
  if (options.names !== undefined) {
    const names = new SubjectAlternativeName(options.names.map(generalName));
    list.push(extension('2.5.29.17', false, AsnConvert.serialize(names)));
  }
  if (options.extendedKeyUsage !== undefined) {
    list.push(
      extension(
        '2.5.29.37',
        false,
        AsnConvert.serialize(new ExtendedKeyUsage([...options.extendedKeyUsage])),
      ),
    );
  }
  if (permitted !== undefined || excluded !== undefined) {
    const subtrees = (names: readonly string[]): GeneralSubtrees =>
      new GeneralSubtrees(names.map(text => new GeneralSubtree({ base: generalName(text) })));
    const constraint = new NameConstraints({
      ...(permitted === undefined ? {} : { permittedSubtrees: subtrees(permitted) }),
      ...(excluded === undefined ? {} : { excludedSubtrees: subtrees(excluded) }),
    });
    list.push(extension('2.5.29.30', true, AsnConvert.serialize(constraint)));
  }
  if (options.crlUris !== undefined) {
    const points = options.crlUris.map(
      uri =>
        new DistributionPoint({
          distributionPoint: new DistributionPointName({ fullName: [generalName(`uri:${uri}`)] }),
        }),
    );
    list.push(extension('2.5.29.31', false, AsnConvert.serialize(new CRLDistributionPoints(points))));
  }
  for (const { oid, critical, der } of options.extensions ?? [])
    list.push(extension(oid, critical, arrayBuffer(der)));
  return list;
}

function generalName(text: string): GeneralName {
  const colon = text.indexOf(':');
  const value = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'dns':
      return new GeneralName({ dNSName: value });
    case 'email':
      return new GeneralName({ rfc822Name: value });
    case 'ip':
      return new GeneralName({ iPAddress: value });
    case 'uri':
      return new GeneralName({ uniformResourceIdentifier: value });
    case 'dn':
      return new GeneralName({ directoryName: distinguishedName(value) });
    case 'id':
      return new GeneralName({ registeredID: value });
    default:
      throw new Error(`no kind of name: ${text}`);
  }
}

const RSA = '1.2.840.113549.1.1';
const NULL = Uint8Array.of(5, 0);

/** id-RSASSA-PSS parameters (RFC 4055 §3.1) with one hash throughout, written out octet by octet. */
function pssParameters(hash: 'sha256' | 'sha384'): Uint8Array {
  const [arc, salt] = hash === 'sha256' ? ['01', '20'] : ['02', '30'];
  const identifier = `300d06096086480165030402${arc}0500`;
  return Buffer.from(
    `3034a00f${identifier}a11c301a06092a864886f70d010108${identifier}a2030201${salt}`,
    'hex',
  );
}

function algorithm(name: SignatureName): AlgorithmIdentifier {
  const [oid, parameters] = {
    'pkcs1-md5': [`${RSA}.4`, NULL],
    'pkcs1-sha1': [`${RSA}.5`, NULL],
    'pkcs1-sha256': [`${RSA}.11`, NULL],
    'pss-sha256': [`${RSA}.10`, pssParameters('sha256')],
    'pss-sha384': [`${RSA}.10`, pssParameters('sha384')],
    'ecdsa-sha1': ['1.2.840.10045.4.1', undefined],
    'ecdsa-sha256': ['1.2.840.10045.4.3.2', undefined],
    'ecdsa-sha384': ['1.2.840.10045.4.3.3', undefined],
    'ecdsa-sha512': ['1.2.840.10045.4.3.4', undefined],
    ed25519: ['1.3.101.112', undefined],
    ed448: ['1.3.101.113', undefined],
  }[name] as [string, Uint8Array | undefined];
  return new AlgorithmIdentifier({
    algorithm: oid,
    ...(parameters === undefined ? {} : { parameters: arrayBuffer(parameters) }),
  });
}

function suitable({ privateKey }: KeyPair): SignatureName {
  const type = privateKey.asymmetricKeyType;
  switch (type) {
    case 'rsa':
      return 'pkcs1-sha256';
    case 'ec': {
      const curve = privateKey.asymmetricKeyDetails?.namedCurve ?? '';
      return /384/.test(curve) ? 'ecdsa-sha384' : /5[12][12]/.test(curve) ? 'ecdsa-sha512' : 'ecdsa-sha256';
    }
    case 'ed25519':
    case 'ed448':
      return type;
    default:
      throw new Error(`no signature with a key of type ${type}`);
  }
}

function makeSignature({ privateKey }: KeyPair, name: SignatureName, octets: Uint8Array): Uint8Array {
  if (name === 'ed25519' || name === 'ed448') return sign(null, octets, privateKey);
  const [kind, hash] = name.split('-') as [string, string];
  const input: SignKeyObjectInput =
    kind === 'pss'
      ? {
          key: privateKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }
      : { key: privateKey };
  return sign(hash, octets, input);
}

function extension(oid: string, critical: boolean, der: ArrayBuffer): Extension {
  return new Extension({ extnID: oid, critical, extnValue: new OctetString(der) });
}

function distinguishedName(text: string): Name {
  return AsnConvert.parse(encodeName(text), Name);
}

function keyIdentifier(spki: Uint8Array): ArrayBuffer {
  return arrayBuffer(createHash('sha1').update(spki).digest());
}

function nextSerial(): Uint8Array {
  serials++;
  return Uint8Array.of(serials >> 8, serials & 255);
}

function arrayBuffer(octets: Uint8Array): ArrayBuffer {
  return new Uint8Array(octets).buffer;
}
