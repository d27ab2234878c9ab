import { equal, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { CertificateName } from './certificate.ts';
import { CrlEntries, type Revocation } from './crl-entries.ts';
import { context, DerReader, readDer, Tag } from './der.ts';
import {
  readAuthorityKeyIdentifier,
  readDistributionPoints,
  readExtensions,
  readFullName,
} from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { readSigned, type SignedOctets } from './signed-octets.ts';

/** A certificate revocation list (RFC 5280 §5), read and not yet judged. */
export interface Crl extends SignedOctets {
  readonly der: Uint8Array;
  readonly issuer: CertificateName;
  readonly thisUpdate: Instant;
  /** Absent on lists that never grow old by themselves. */
  readonly nextUpdate?: Instant;
  readonly authorityKeyIdentifier?: Uint8Array;
  readonly scope: CrlScope;
  /** Its place in the issuer's sequence (RFC 5280 §5.2.3). */
  readonly number?: bigint | undefined;
  /** It lists changes alone: those since the list of this number (RFC 5280 §5.2.4). */
  readonly deltaOf?: bigint;
  /** Where changes to it can be had (RFC 5280 §5.2.6). */
  readonly deltaUris: readonly string[];
  /** Why this list cannot be used whatever it says: an indirect list, critical extensions not known here. */
  readonly unusable?: string;
  /** Entries; a serial number may have several. */
  readonly size: number;
  /** The last entry for a serial number (content octets). */
  find(serial: Uint8Array): Revocation | undefined;
}

/** Which certificates a list speaks of (RFC 5280 §5.2.5). */
interface CrlScope {
  readonly only?: 'users' | 'authorities' | 'attributes';
  /** It lists revocations for some reasons only, so its silence means nothing. */
  readonly someReasons: boolean;
  /** A certificate must name one of these as its distribution point; absent: no matter. */
  readonly points?: readonly GeneralName[];
}

/** The outside of a list, of which nothing but the signature is looked at. */
export interface SealedCrl extends SignedOctets {
  readonly der: Uint8Array;
  readonly algorithm: Uint8Array;
}

/** Largest list that is read, octets. */
const MAX_CRL = 16 * 1024 * 1024;

/** Lists by the octets that are their own, which never change. */
const READ = new WeakMap<Uint8Array, Crl>();

/** Reads a revocation list, strictly as DER; the octets are copied. For the octets of a list it is that list. Throws Malformed. */
export function parseCrl(der: Uint8Array): Crl {
  return READ.get(der) ?? readCrl(openCrl(der));
}

/** Reads the outside of a list, so that its signature can be looked at before anything inside is; the octets are copied. Throws Malformed. */
export function openCrl(der: Uint8Array): SealedCrl {
  if (der.length > MAX_CRL) throw new Malformed(`CRL: ${der.length} octets`, 0);
  const copy = der.slice();
  return { der: copy, ...readSigned(copy, 'CRL') };
}

/** Reads what a list says. Throws Malformed. */
export function readCrl({ der, tbs, algorithm, ...signed }: SealedCrl): Crl {
  const body = readDer(tbs, Tag.SEQUENCE, 'CRL');
  if (body.tag === Tag.INTEGER && body.small('CRL: version') !== 1)
    throw new Malformed('CRL: unknown version', 0);
  if (!equal(body.element('CRL: signature algorithm'), algorithm)) {
    throw new Malformed('CRL: the two signature algorithms differ', body.offset);
  }
  const issuer = new CertificateName(body.element('CRL: issuer'));
  const thisUpdate = body.time('CRL: thisUpdate');
  const next =
    body.tag === Tag.UTCTime || body.tag === Tag.GeneralizedTime ? body.time('CRL: nextUpdate') : undefined;
  const entries = new CrlEntries(body.enterIf(Tag.SEQUENCE, 'CRL: entries'));
  const extensions = readCrlExtensions(body.enterIf(context(0), 'CRL: extensions'));
  body.end('CRL');
  const { unusable = entries.unusable, ...rest } = extensions;
  const crl = {
    der,
    ...signed,
    tbs,
    issuer,
    thisUpdate,
    ...(next === undefined ? {} : { nextUpdate: next }),
    ...rest,
    ...(unusable === undefined ? {} : { unusable }),
    size: entries.size,
    find: (serial: Uint8Array) => entries.find(serial),
  };
  READ.set(der, crl);
  return crl;
}

interface CrlExtensions {
  authorityKeyIdentifier?: Uint8Array;
  scope: CrlScope;
  number?: bigint | undefined;
  deltaOf?: bigint;
  deltaUris: readonly string[];
  unusable?: string;
}

function readCrlExtensions(explicit: DerReader | undefined): CrlExtensions {
  const found: CrlExtensions = { scope: { someReasons: false }, deltaUris: [] };
  if (explicit === undefined) return found;
  readExtensions(explicit.enter(Tag.SEQUENCE, 'CRL: extensions'), (oid, critical, value) => {
    switch (oid) {
      case '2.5.29.20':
        found.number = numberIn(value);
        return;
      case '2.5.29.27':
        found.deltaOf = readNumber(value);
        return;
      case '2.5.29.46':
        found.deltaUris = readDistributionPoints(value, 'freshestCRL').flatMap(name =>
          name.kind === 'uri' ? [name.text] : [],
        );
        return;
      case '2.5.29.28': {
        const { indirect, ...scope } = readScope(value);
        found.scope = scope;
        if (indirect) found.unusable = 'it speaks of certificates of other issuers (an indirect list)';
        return;
      }
      case '2.5.29.35': {
        const key = readAuthorityKeyIdentifier(value);
        if (key !== undefined) found.authorityKeyIdentifier = key;
        return;
      }
      default:
        if (critical) found.unusable = `it has the critical extension ${oid}`;
    }
  });
  explicit.end('CRL: extensions');
  return found;
}

/** Only deltas go by the number of a list; one that makes no sense leaves the list as good as one without. */
function numberIn(value: Uint8Array): bigint | undefined {
  try {
    return readNumber(value);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** "CRL verifiers MUST be able to handle CRLNumber values up to 20 octets" (RFC 5280 §5.2.3). */
function readNumber(value: Uint8Array): bigint {
  const outer = new DerReader(value);
  const octets = outer.integer('CRL: number');
  outer.end('CRL: number');
  if (octets.length > 32 || (octets[0] as number) >= 0x80) throw new Malformed('CRL: number', 0);
  return BigInt(`0x${toHex(octets)}`);
}

function readScope(value: Uint8Array): CrlScope & { readonly indirect: boolean } {
  const what = 'issuingDistributionPoint';
  const sequence = readDer(value, Tag.SEQUENCE, what);
  const point = sequence.enterIf(context(0), what);
  const points = point === undefined ? undefined : readFullName(point, what);
  const flag = (number: number): boolean =>
    sequence.tag === context(number, false) && sequence.boolean(what, context(number, false));
  const users = flag(1);
  const authorities = flag(2);
  const someReasons = sequence.contentIf(context(3, false), what) !== undefined;
  const indirect = flag(4);
  const attributes = flag(5);
  sequence.end(what);
  const only = users ? 'users' : authorities ? 'authorities' : attributes ? 'attributes' : undefined;
  return {
    ...(only === undefined ? {} : { only }),
    someReasons,
    ...(points === undefined ? {} : { points }),
    indirect,
  };
}
