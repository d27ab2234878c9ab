import { nodeProvider } from '../src/crypto/node/provider.ts';
import { concat } from '../src/lib/bytes.ts';
import { utf8 } from '../src/lib/text.ts';
import { parseCrl } from '../src/pki/crl.ts';
import { encodeDer, encodeOid, Tag } from '../src/pki/der.ts';
import { microseconds, type Row } from './row.ts';

const ENTRIES = 200_000;
/** All negotiations wait meanwhile. */
const TARGET = 100_000;

/** Reading a revocation list as the largest authorities have them, and a question to it. */
export function benchLists(): Row[] {
  const provider = nodeProvider();
  const serials = Array.from({ length: ENTRIES }, () => {
    const serial = provider.random(16);
    serial[0] = 0x40 | ((serial[0] as number) & 0x3f);
    return serial;
  });
  const der = listOf(serials);
  const read = microseconds(() => parseCrl(der), 240);
  const hash = microseconds(() => provider.hash('sha256', der));
  const list = parseCrl(der);
  let next = 0;
  const find = microseconds(() => list.find(serials[next++ % ENTRIES] as Uint8Array));
  return [
    {
      name: `read a list of ${ENTRIES} entries, ${(der.length / 1e6).toFixed(1)} MB`,
      value: read / 1000,
      unit: 'ms',
      ratio: read / hash,
      baseline: 'its SHA-256',
      target: '< 100 ms',
      met: read < TARGET,
    },
    { name: 'look a serial number up', value: find, unit: 'µs' },
  ];
}

/** Nothing here looks at its signature. */
function listOf(serials: readonly Uint8Array[]): Uint8Array {
  const algorithm = encodeDer(Tag.SEQUENCE, oid('1.2.840.10045.4.3.2'));
  const date = encodeDer(Tag.UTCTime, utf8('260101000000Z'));
  const reason = encodeDer(
    Tag.SEQUENCE,
    encodeDer(
      Tag.SEQUENCE,
      oid('2.5.29.21'),
      encodeDer(Tag.OCTET_STRING, Uint8Array.of(Tag.ENUMERATED, 1, 4)),
    ),
  );
  const entries = serials.map(serial =>
    encodeDer(Tag.SEQUENCE, encodeDer(Tag.INTEGER, serial), date, reason),
  );
  const signed = encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.INTEGER, Uint8Array.of(1)),
    algorithm,
    encodeDer(Tag.SEQUENCE),
    date,
    encodeDer(Tag.SEQUENCE, ...hundreds(hundreds(entries))),
  );
  return encodeDer(Tag.SEQUENCE, signed, algorithm, encodeDer(Tag.BIT_STRING, new Uint8Array(65)));
}

/** As many as these are no arguments of one call. */
function hundreds(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(parts.length / 100) }, (_, i) =>
    concat(...parts.slice(100 * i, 100 * (i + 1))),
  );
}

function oid(dotted: string): Uint8Array {
  return encodeDer(Tag.OID, encodeOid(dotted) as Uint8Array);
}
