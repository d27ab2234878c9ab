import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { spiOf } from '../../src/esp/header.ts';
import { InboundEsp } from '../../src/esp/inbound.ts';
import { IpPacket } from '../../src/esp/ip-packet.ts';
import { classifyNatT } from '../../src/esp/nat-traversal.ts';
import { Encr, Integ } from '../../src/iana/transforms.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { dataPath, withoutData } from '../data.ts';
import { ipPayloads, udpDatagrams } from '../pcap.ts';

const ESP = 50;
const provider = nodeProvider();

/** One line of a table of ESP keys. */
interface KeyRow {
  readonly source: string;
  readonly destination: string;
  /** Undefined: any. */
  readonly spi: number | undefined;
  readonly encryption: number;
  readonly keyLength: number;
  readonly integrity: number;
  readonly encryptionKey: Uint8Array;
  readonly integrityKey: Uint8Array;
}

interface Captured {
  readonly source: string;
  readonly destination: string;
  readonly packet: Uint8Array;
}

/** Names in Wireshark's `esp_sa` tables, of what can be opened with an ICV checked. */
const ENCRYPTION: Readonly<
  Record<string, { readonly id: number; readonly salt: number; readonly sized: boolean }>
> = {
  'AES-CBC [RFC3602]': { id: Encr.ENCR_AES_CBC, salt: 0, sized: true },
  'AES-CTR [RFC3686]': { id: Encr.ENCR_AES_CTR, salt: 4, sized: true },
  'AES-GCM with 16 octet ICV [RFC4106]': { id: Encr.ENCR_AES_GCM_16, salt: 4, sized: true },
  'TripleDES-CBC [RFC2451]': { id: Encr.ENCR_3DES, salt: 0, sized: false },
  'DES-CBC [RFC2405]': { id: Encr.ENCR_DES, salt: 0, sized: false },
  NULL: { id: Encr.ENCR_NULL, salt: 0, sized: false },
};
const INTEGRITY: Readonly<Record<string, number>> = {
  'HMAC-SHA-1-96 [RFC2404]': Integ.AUTH_HMAC_SHA1_96,
  'HMAC-MD5-96 [RFC2403]': Integ.AUTH_HMAC_MD5_96,
  'HMAC-SHA-256-128 [RFC4868]': Integ.AUTH_HMAC_SHA2_256_128,
  NULL: Integ.NONE,
};

/** Rows that name an algorithm not in the tables above are left out. */
function readKeys(file: string): KeyRow[] {
  return readFileSync(dataPath(file), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('"'))
    .flatMap(line => {
      const [, source, destination, spi, cipher, key, mac, macKey] = line
        .split(/,(?=")/)
        .map(cell => cell.replaceAll('"', '').trim());
      const encryption = ENCRYPTION[cipher ?? ''];
      const integrity = INTEGRITY[mac ?? ''];
      if (encryption === undefined || integrity === undefined) return [];
      const encryptionKey = keyOf(key ?? '');
      return {
        source: source ?? '*',
        destination: destination ?? '*',
        spi: spi === '*' ? undefined : Number(spi),
        encryption: encryption.id,
        keyLength: encryption.sized ? 8 * (encryptionKey.length - encryption.salt) : 0,
        integrity,
        encryptionKey,
        integrityKey: keyOf(macKey ?? ''),
      };
    });
}

/** Hexadecimal digits after 0x, or the octets of the text itself. */
function keyOf(text: string): Uint8Array {
  return text.startsWith('0x') ? (fromHex(text.slice(2)) as Uint8Array) : utf8(text);
}

/** ESP by itself and in UDP. IPv6 addresses are hex digits, as captures have them. */
function espOf(file: string): Captured[] {
  const path = dataPath(file);
  return [
    ...ipPayloads(path, ESP).map(({ payload, ...rest }) => ({ ...rest, packet: payload })),
    ...udpDatagrams(path)
      .filter(({ sourcePort, destinationPort }) => sourcePort === 4500 || destinationPort === 4500)
      .filter(({ payload }) => classifyNatT(payload) === 'esp')
      .map(({ payload, source, destination }) => ({ source, destination, packet: payload })),
  ];
}

const sameAddress = (pattern: string, address: string): boolean =>
  pattern === '*' || pattern === address || (pattern.includes(':') && toHex(ip(pattern)) === address);

interface Outcome {
  opened: number;
  readonly refusals: string[];
  /** No key, or an SA without integrity, which nobody should have. */
  passedOver: number;
  readonly nextHeaders: Set<number>;
}

/** Opens all packets by the rows that fit them, each SA with its own replay window; inner ESP packets too. */
function openAll(packets: readonly Captured[], keys: readonly KeyRow[], provider: CryptoProvider): Outcome {
  const outcome: Outcome = { opened: 0, refusals: [], passedOver: 0, nextHeaders: new Set() };
  const sas = new Map<string, InboundEsp | undefined>();
  const waiting = [...packets];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { source, destination, packet } = next;
    const spi = spiOf(packet);
    const row = keys.find(
      key =>
        (key.spi ?? spi) === spi &&
        sameAddress(key.source, source) &&
        sameAddress(key.destination, destination),
    );
    const name = `${source} ${destination} ${spi}`;
    if (!sas.has(name)) sas.set(name, row && saOf(row, spi, provider));
    const sa = sas.get(name);
    if (sa === undefined) {
      outcome.passedOver++;
      continue;
    }
    const opened = sa.open(packet);
    if (typeof opened === 'string') {
      outcome.refusals.push(`${name} ${spiOf(packet, 4)}: ${opened}`);
      continue;
    }
    outcome.opened++;
    outcome.nextHeaders.add(opened.nextHeader);
    const inner = new IpPacket();
    if (opened.nextHeader !== 4 && opened.nextHeader !== 41) continue;
    assert.ok(inner.read(packet, opened.offset, opened.offset + opened.length), name);
    if (inner.protocol !== ESP) continue;
    const ipHeader = packet.subarray(opened.offset);
    waiting.unshift({
      source: [...ipHeader.subarray(12, 16)].join('.'),
      destination: [...ipHeader.subarray(16, 20)].join('.'),
      packet: ipHeader.slice(inner.payloadOffset, inner.length),
    });
  }
  return outcome;
}

function saOf(row: KeyRow, spi: number, provider: CryptoProvider): InboundEsp | undefined {
  const cipher = provider.packetCipher({
    encryption: row.encryption,
    keyLength: row.keyLength,
    integrity: row.integrity,
    encryptionKey: new Secret(row.encryptionKey),
    integrityKey: new Secret(row.integrityKey),
  });
  return cipher && new InboundEsp({ spi, cipher, esn: false, replayWindow: 64 });
}

const WIRESHARK = 'captures/wireshark-wiki';

describe('captured ESP opens with its keys', () => {
  const rows: readonly [
    what: string,
    capture: string,
    keys: string,
    expected: {
      readonly opened: number;
      readonly passedOver: number;
      readonly nextHeaders: readonly number[];
    },
  ][] = [
    [
      'transport mode over IPv4 and IPv6: 3DES, DES, AES-CBC, NULL with HMAC-SHA-1 and HMAC-MD5',
      `${WIRESHARK}/ipsec_esp_capture_1/capture.pcap`,
      `${WIRESHARK}/ipsec_esp_capture_1/esp_sa`,
      { opened: 160, passedOver: 80, nextHeaders: [1, 58] },
    ],
    [
      'nested tunnels: AES-CBC and DES with HMAC-SHA-1',
      `${WIRESHARK}/ipsec_esp_capture_2/capture.pcap`,
      `${WIRESHARK}/ipsec_esp_capture_2/esp_sa`,
      { opened: 624, passedOver: 0, nextHeaders: [1, 4] },
    ],
    [
      'in UDP: AES-GCM, AES-CTR and AES-CBC with HMAC-SHA-256',
      `${WIRESHARK}/ikev2+esp_gcm_ctr_cbc/capture.pcapng`,
      `${WIRESHARK}/ikev2+esp_gcm_ctr_cbc/esp_sa`,
      { opened: 24, passedOver: 0, nextHeaders: [4] },
    ],
  ];
  for (const [what, capture, keys, expected] of rows) {
    test(what, { skip: withoutData(capture) }, () => {
      const { opened, refusals, passedOver, nextHeaders } = openAll(espOf(capture), readKeys(keys), provider);
      assert.deepEqual(refusals, []);
      assert.deepEqual({ opened, passedOver, nextHeaders: [...nextHeaders].sort() }, expected);
    });
  }

  /** The manual keys of FreeS/WAN's test bench: the secrets file of tcpdump has the cipher's alone. */
  const MD5_KEY = fromHex('87658765876587658765876587658765') as Uint8Array;
  const SHA1_KEY = fromHex('8765876587658765876587658765876587658765') as Uint8Array;
  const bench = (encryption: number, keyLength: number, key: string, integrity: number): KeyRow => ({
    source: '*',
    destination: '*',
    spi: undefined,
    encryption,
    keyLength,
    integrity,
    encryptionKey: fromHex(key) as Uint8Array,
    integrityKey: integrity === Integ.AUTH_HMAC_MD5_96 ? MD5_KEY : SHA1_KEY,
  });
  const sunrise: readonly [string, string, KeyRow][] = [
    [
      '3DES',
      'captures/tcpdump/02-sunrise-sunset-esp.pcap',
      bench(Encr.ENCR_3DES, 0, '4043434545464649494a4a4c4c4f4f515152525454575758', Integ.AUTH_HMAC_MD5_96),
    ],
    [
      'AES-256',
      'captures/tcpdump/08-sunrise-sunset-aes.pcap',
      bench(
        Encr.ENCR_AES_CBC,
        256,
        'aaaabbbbccccdddd4043434545464649494a4a4c4c4f4f515152525454575758',
        Integ.AUTH_HMAC_SHA1_96,
      ),
    ],
    [
      '3DES in UDP',
      'captures/tcpdump/espudp1.pcap',
      bench(Encr.ENCR_3DES, 0, '4043434545464649494a4a4c4c4f4f515152525454575758', Integ.AUTH_HMAC_MD5_96),
    ],
  ];
  for (const [what, capture, row] of sunrise) {
    test(`FreeS/WAN, ${what}`, { skip: withoutData(capture) }, () => {
      const { opened, refusals, nextHeaders } = openAll(espOf(capture), [row], provider);
      assert.deepEqual(refusals, []);
      assert.deepEqual([opened, ...nextHeaders], [8, 4]);
    });
  }
});

describe('captured ESP without its keys', () => {
  const captures = [
    'captures/tcpdump/esp_truncated.pcap',
    'captures/suricata-verify/eve-flow-esp_input.pcap',
    'captures/arkime/ah-esp.pcap',
    'captures/zeek/ip6_esp.pcap',
    'captures/arkime/IKEv2.pcap',
  ];
  for (const capture of captures) {
    test(`${capture} is refused`, { skip: withoutData(capture) }, () => {
      for (const { packet } of espOf(capture)) {
        const sa = saOf(
          {
            source: '*',
            destination: '*',
            spi: undefined,
            encryption: Encr.ENCR_AES_GCM_16,
            keyLength: 128,
            integrity: Integ.NONE,
            encryptionKey: new Uint8Array(20),
            integrityKey: new Uint8Array(0),
          },
          spiOf(packet),
          provider,
        );
        assert.ok(['integrity', 'malformed', 'late'].includes(sa?.open(packet) as string));
      }
    });
  }
});
