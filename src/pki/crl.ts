import type { CryptoProvider } from '../crypto/provider.ts';
import { equal, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { CertificateName } from './certificate.ts';
import { context, DerReader, readDer, Tag } from './der.ts';
import { readAuthorityKeyIdentifier, readExtensions, readFullName } from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';

/** A certificate revocation list (RFC 5280 §5), read and not yet judged. */
export interface Crl {
  readonly der: Uint8Array;
  /** SHA-256 of `der`, in hex. */
  readonly fingerprint: string;
  readonly issuer: CertificateName;
  readonly thisUpdate: Instant;
  /** Absent on lists that never grow old by themselves. */
  readonly nextUpdate?: Instant;
  readonly authorityKeyIdentifier?: Uint8Array;
  readonly scope: CrlScope;
  /** Why this list cannot be used whatever it says: a delta, an indirect list, critical extensions not known here. */
  readonly unusable?: string;
  readonly size: number;
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** The entry for a serial number (content octets). */
  find(serial: Uint8Array): Revocation | undefined;
}

interface Revocation {
  readonly at: Instant;
  /** Of RFC 5280 §5.3.1, in its words; absent when the list gives none. */
  readonly reason?: string;
}

/** Which certificates a list speaks of (RFC 5280 §5.2.5). */
interface CrlScope {
  readonly only?: 'users' | 'authorities' | 'attributes';
  /** It lists revocations for some reasons only, so its silence means nothing. */
  readonly someReasons: boolean;
  /** A certificate must name one of these as its distribution point; absent: no matter. */
  readonly points?: readonly GeneralName[];
}

/** Largest list that is read, octets. */
const MAX_CRL = 16 * 1024 * 1024;

/** Reads a revocation list, strictly as DER; the octets are copied. Throws Malformed. */
export function parseCrl(der: Uint8Array, provider: CryptoProvider): Crl {
  if (der.length > MAX_CRL) throw new Malformed(`CRL: ${der.length} octets`, 0);
  const copy = der.slice();
  const list = readDer(copy, Tag.SEQUENCE, 'CRL');
  const tbs = list.element('CRL: signed part');
  const algorithm = list.element('CRL: signature algorithm');
  const signature = list.bitOctets('CRL: signature');
  list.end('CRL');
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
  const entries = new Entries(body.enterIf(Tag.SEQUENCE, 'CRL: entries'));
  const extensions = readCrlExtensions(body.enterIf(context(0), 'CRL: extensions'));
  body.end('CRL');
  const { authorityKeyIdentifier, scope } = extensions;
  const unusable = extensions.unusable ?? entries.unusable;
  return {
    der: copy,
    fingerprint: toHex(provider.hash('sha256', copy)),
    issuer,
    thisUpdate,
    ...(next === undefined ? {} : { nextUpdate: next }),
    ...(authorityKeyIdentifier === undefined ? {} : { authorityKeyIdentifier }),
    scope,
    ...(unusable === undefined ? {} : { unusable }),
    size: entries.size,
    tbs,
    signatureAlgorithm: parseSignatureAlgorithm(algorithm),
    signature,
    find: serial => entries.find(serial),
  };
}

const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  '',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

/** All entries are read once, so that a list is either sound or refused; they are kept by serial number. */
class Entries {
  readonly #bySerial = new Map<string, Revocation>();
  unusable: string | undefined;

  constructor(list: DerReader | undefined) {
    while (list !== undefined && !list.done) {
      const entry = list.enter(Tag.SEQUENCE, 'CRL: entry');
      const serial = toHex(entry.integer('CRL: serial number'));
      const at = entry.time('CRL: revocation date');
      const reason = entry.done ? undefined : this.#readEntryExtensions(entry);
      this.#bySerial.set(serial, reason === undefined ? { at } : { at, reason });
    }
  }

  get size(): number {
    return this.#bySerial.size;
  }

  find(serial: Uint8Array): Revocation | undefined {
    return this.#bySerial.get(toHex(serial));
  }

  #readEntryExtensions(entry: DerReader): string | undefined {
    const extensions = entry.enter(Tag.SEQUENCE, 'CRL: entry extensions');
    entry.end('CRL: entry');
    let reason: string | undefined;
    readExtensions(extensions, (oid, critical, value) => {
      if (oid === '2.5.29.21') reason = readReason(value);
      else if (critical) this.unusable = `an entry has the critical extension ${oid}`;
    });
    return reason;
  }
}

function readReason(value: Uint8Array): string | undefined {
  const outer = new DerReader(value);
  const code = outer.small('CRL: reason', Tag.ENUMERATED);
  outer.end('CRL: reason');
  return REASONS[code] || undefined;
}

interface CrlExtensions {
  authorityKeyIdentifier?: Uint8Array;
  scope: CrlScope;
  unusable?: string;
}

function readCrlExtensions(explicit: DerReader | undefined): CrlExtensions {
  const found: CrlExtensions = { scope: { someReasons: false } };
  if (explicit === undefined) return found;
  readExtensions(explicit.enter(Tag.SEQUENCE, 'CRL: extensions'), (oid, critical, value) => {
    switch (oid) {
      case '2.5.29.20':
        return;
      case '2.5.29.27':
        found.unusable = 'it lists changes only (a delta)';
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
