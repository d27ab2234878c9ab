import { Malformed } from '../lib/reader.ts';
import { context, DerReader, isSameOid, oidAt, readDer, Tag } from './der.ts';
import { type GeneralName, readGeneralName, readGeneralNames } from './general-name.ts';

/** The bits of a keyUsage extension (RFC 5280 §4.2.1.3). */
export const KeyUsage = {
  digitalSignature: 1,
  nonRepudiation: 2,
  keyEncipherment: 4,
  dataEncipherment: 8,
  keyAgreement: 16,
  keyCertSign: 32,
  cRLSign: 64,
  encipherOnly: 128,
  decipherOnly: 256,
} as const;

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** What the extensions of a certificate say; absent and empty where there is no such extension. */
export interface CertificateExtensions {
  readonly subjectAltNames: readonly GeneralName[];
  /** `KeyUsage` bits. */
  readonly keyUsage?: number;
  /** Object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
  readonly basicConstraints?: { readonly authority: boolean; readonly pathLength?: number };
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: Uint8Array;
  readonly crlDistributionPoints: readonly GeneralName[];
  readonly ocspUris: readonly string[];
  readonly nameConstraints?: NameConstraints;
  /** Object identifiers. */
  readonly policies: readonly string[];
  /** Which policy of the issuer stands for which of the subject. */
  readonly policyMappings: readonly (readonly [issuer: string, subject: string])[];
  readonly policyConstraints?: {
    readonly requireExplicitPolicy?: number;
    readonly inhibitPolicyMapping?: number;
  };
  /** Certificates below, before anyPolicy counts no more. */
  readonly inhibitAnyPolicy?: number;
  /** Critical extensions that nothing here heeds: such a certificate must not be used (RFC 5280 §4.2). */
  readonly unknownCritical: readonly string[];
}

const MAX_EXTENSIONS = 64;
const MAX_ITEMS = 256;

/** Reads the SEQUENCE OF Extension of a certificate. Throws Malformed. */
export function readCertificateExtensions(extensions: DerReader): CertificateExtensions {
  const found: Mutable<CertificateExtensions> = {
    subjectAltNames: [],
    crlDistributionPoints: [],
    ocspUris: [],
    policies: [],
    policyMappings: [],
    unknownCritical: [],
  };
  const unknown: string[] = [];
  readExtensions(extensions, (oid, critical, value) => {
    const read = READERS[oid];
    if (read !== undefined) read(value, found);
    else if (critical && !WITHOUT_EFFECT.has(oid)) unknown.push(oid);
  });
  found.unknownCritical = unknown;
  return found;
}

/** No extensions at all: certificates of the versions 1 and 2. */
export const NO_EXTENSIONS: CertificateExtensions = {
  subjectAltNames: [],
  crlDistributionPoints: [],
  ocspUris: [],
  policies: [],
  policyMappings: [],
  unknownCritical: [],
};

/** Walks a SEQUENCE OF Extension, each once (RFC 5280 §4.2). Throws Malformed. */
export function readExtensions(
  extensions: DerReader,
  each: (oid: string, critical: boolean, value: Uint8Array) => void,
): void {
  const { bytes } = extensions;
  passExtensions(extensions, [], (oid, critical, from, to) =>
    each(oidAt(bytes, oid), critical, bytes.subarray(from, to)),
  );
}

/**
 * As `readExtensions`, for those who want no view of each: `each` is told where the identifier stands, and from where to
 * where the value.
 *
 * @param seen what is written over: for many blocks one array will do.
 */
export function passExtensions(
  extensions: DerReader,
  seen: number[],
  each: (oid: number, critical: boolean, from: number, to: number) => void,
): void {
  const { bytes } = extensions;
  let count = 0;
  do {
    if (count === MAX_EXTENSIONS) throw new Malformed('extensions: too many', extensions.offset);
    const end = extensions.descend(Tag.SEQUENCE, 'extension');
    const oid = extensions.passOid('extension');
    for (let i = 0; i < count; i++) {
      if (isSameOid(bytes, seen[i] as number, oid))
        throw new Malformed(`extensions: ${oidAt(bytes, oid)} stands twice`, oid);
    }
    seen[count++] = oid;
    const critical = extensions.tag === Tag.BOOLEAN && extensions.boolean('extension: critical');
    extensions.pass(Tag.OCTET_STRING, 'extension: value');
    const { from, to } = extensions;
    extensions.leave(end, 'extension');
    each(oid, critical, from, to);
  } while (!extensions.done);
}

/** The key identifier of an authorityKeyIdentifier extension (RFC 5280 §4.2.1.1). */
export function readAuthorityKeyIdentifier(value: Uint8Array): Uint8Array | undefined {
  return readDer(value, Tag.SEQUENCE, 'authorityKeyIdentifier').contentIf(
    context(0, false),
    'key identifier',
  );
}

/** The full names of all the CRLDistributionPoints (RFC 5280 §4.2.1.13). Throws Malformed. */
export function readDistributionPoints(value: Uint8Array, what: string): readonly GeneralName[] {
  return readItems(readDer(value, Tag.SEQUENCE, what), what, points => {
    const point = points.enter(Tag.SEQUENCE, what);
    const name = point.enterIf(context(0), what);
    return name === undefined ? [] : readFullName(name, what);
  }).flat();
}

/** The names of a DistributionPointName's fullName (RFC 5280 §4.2.1.13); none for a name relative to the issuer. */
export function readFullName(point: DerReader, what: string): readonly GeneralName[] {
  const full = point.enterIf(context(0), what);
  return full === undefined ? [] : readGeneralNames(full, what);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ExtensionReader = (value: Uint8Array, found: Mutable<CertificateExtensions>) => void;

/** Understood, and nothing to do: privateKeyUsagePeriod (RFC 4945 §5.1.3.3), issuerAltName. */
const WITHOUT_EFFECT = new Set(['2.5.29.16', '2.5.29.18']);

const OCSP = '1.3.6.1.5.5.7.48.1';

const READERS: Readonly<Record<string, ExtensionReader>> = {
  '2.5.29.14': (value, found) => {
    const outer = new DerReader(value);
    found.subjectKeyIdentifier = outer.content(Tag.OCTET_STRING, 'subjectKeyIdentifier');
    outer.end('subjectKeyIdentifier');
  },
  '2.5.29.15': (value, found) => {
    const outer = new DerReader(value);
    const { octets, unused } = outer.bits('keyUsage');
    outer.end('keyUsage');
    let usage = 0;
    const bits = Math.min(8 * octets.length - unused, 9);
    for (let bit = 0; bit < bits; bit++) {
      if (((octets[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit;
    }
    found.keyUsage = usage;
  },
  '2.5.29.17': (value, found) => {
    const names = readDer(value, Tag.SEQUENCE, 'subjectAltName');
    found.subjectAltNames = readGeneralNames(names, 'subjectAltName');
  },
  '2.5.29.19': (value, found) => {
    const what = 'basicConstraints';
    const sequence = readDer(value, Tag.SEQUENCE, what);
    const authority = sequence.tag === Tag.BOOLEAN && sequence.boolean(what);
    if (sequence.done) found.basicConstraints = { authority };
    else found.basicConstraints = { authority, pathLength: sequence.small(what) };
    sequence.end(what);
  },
  '2.5.29.30': (value, found) => {
    const sequence = readDer(value, Tag.SEQUENCE, 'nameConstraints');
    const permitted = readSubtrees(sequence.enterIf(context(0), 'nameConstraints'));
    const excluded = readSubtrees(sequence.enterIf(context(1), 'nameConstraints'));
    sequence.end('nameConstraints');
    found.nameConstraints = { permitted, excluded };
  },
  '2.5.29.31': (value, found) => {
    found.crlDistributionPoints = readDistributionPoints(value, 'cRLDistributionPoints');
  },
  '2.5.29.32': (value, found) => {
    const what = 'certificatePolicies';
    found.policies = readItems(readDer(value, Tag.SEQUENCE, what), what, list =>
      list.enter(Tag.SEQUENCE, what).oid(what),
    );
  },
  '2.5.29.33': (value, found) => {
    const what = 'policyMappings';
    found.policyMappings = readItems(readDer(value, Tag.SEQUENCE, what), what, list => {
      const mapping = list.enter(Tag.SEQUENCE, what);
      const pair = [mapping.oid(what), mapping.oid(what)] as const;
      mapping.end(what);
      return pair;
    });
  },
  '2.5.29.35': (value, found) => {
    const key = readAuthorityKeyIdentifier(value);
    if (key !== undefined) found.authorityKeyIdentifier = key;
  },
  '2.5.29.36': (value, found) => {
    const what = 'policyConstraints';
    const sequence = readDer(value, Tag.SEQUENCE, what);
    const count = (number: number): number | undefined => {
      const tag = context(number, false);
      return !sequence.done && sequence.tag === tag ? sequence.small(what, tag) : undefined;
    };
    const [requireExplicitPolicy, inhibitPolicyMapping] = [count(0), count(1)];
    sequence.end(what);
    found.policyConstraints = {
      ...(requireExplicitPolicy === undefined ? {} : { requireExplicitPolicy }),
      ...(inhibitPolicyMapping === undefined ? {} : { inhibitPolicyMapping }),
    };
  },
  '2.5.29.37': (value, found) => {
    const what = 'extKeyUsage';
    found.extendedKeyUsage = readItems(readDer(value, Tag.SEQUENCE, what), what, list => list.oid(what));
  },
  '2.5.29.54': (value, found) => {
    const outer = new DerReader(value);
    found.inhibitAnyPolicy = outer.small('inhibitAnyPolicy');
    outer.end('inhibitAnyPolicy');
  },
  '1.3.6.1.5.5.7.1.1': (value, found) => {
    const what = 'authorityInfoAccess';
    found.ocspUris = readItems(readDer(value, Tag.SEQUENCE, what), what, list => {
      const description = list.enter(Tag.SEQUENCE, what);
      const method = description.oid(what);
      const location = readGeneralName(description, what);
      return method === OCSP && location.kind === 'uri' ? [location.text] : [];
    }).flat();
  },
};

function readItems<T>(list: DerReader, what: string, read: (list: DerReader) => T): T[] {
  const items: T[] = [];
  while (!list.done) {
    if (items.length === MAX_ITEMS) throw new Malformed(`${what}: too many items`, list.offset);
    items.push(read(list));
  }
  return items;
}

/** RFC 5280 §4.2.1.10: the minimum is always 0 and there is no maximum. */
function readSubtrees(subtrees: DerReader | undefined): readonly GeneralName[] {
  if (subtrees === undefined) return [];
  return readItems(subtrees, 'nameConstraints', list => {
    const subtree = list.enter(Tag.SEQUENCE, 'nameConstraints');
    const base = readGeneralName(subtree, 'nameConstraints', true);
    subtree.end('nameConstraints: a subtree');
    return base;
  });
}
