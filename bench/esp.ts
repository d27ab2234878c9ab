import { withOpenssl } from '../src/crypto/node/openssl.ts';
import { nodeProvider } from '../src/crypto/node/provider.ts';
import type { PacketCipher } from '../src/crypto/provider.ts';
import { cipherSizes } from '../src/crypto/sizes.ts';
import { ESP_HEADER_LENGTH, NextHeader } from '../src/esp/header.ts';
import { InboundEsp } from '../src/esp/inbound.ts';
import { OutboundEsp } from '../src/esp/outbound.ts';
import { Encr, Integ } from '../src/iana/transforms.ts';
import { Secret } from '../src/lib/secret.ts';
import { overTun } from './esp-tun.ts';
import { microseconds, type Row } from './row.ts';

const provider = withOpenssl(nodeProvider());
const SPI = 0xc0000001;
/** Packets opened before the same ones are opened again by a new SA. */
const POOL = 256;

interface Suite {
  readonly name: string;
  readonly encryption: number;
  readonly keyLength: number;
  readonly integrity: number;
}

const GCM: Suite = { name: 'aes128gcm16', encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: 0 };
const SUITES: readonly (readonly [Suite, readonly number[]])[] = [
  [GCM, [64, 1400]],
  [
    { name: 'chacha20poly1305', encryption: Encr.ENCR_CHACHA20_POLY1305, keyLength: 256, integrity: 0 },
    [1400],
  ],
  [
    {
      name: 'aes256-sha256',
      encryption: Encr.ENCR_AES_CBC,
      keyLength: 256,
      integrity: Integ.AUTH_HMAC_SHA2_256_128,
    },
    [1400],
  ],
];

/**
 * Sealing and opening of ESP packets in memory, beside the bare cipher on packets of the same length, and, where
 * network namespaces can be made, the data plane's thread between a TUN device and UDP.
 */
export async function benchEsp(): Promise<readonly Row[]> {
  const rows = SUITES.flatMap(([suite, lengths]) => lengths.flatMap(length => inMemory(suite, length)));
  return [...rows, ...(await overTun())];
}

function inMemory(suite: Suite, length: number): Row[] {
  const out = new OutboundEsp({ spi: SPI, cipher: cipherOf(suite), esn: false });
  const packet = new Uint8Array(out.sealedLength(length));
  const sealed = microseconds(() => out.seal(packet, 0, length, NextHeader.IPV4));
  const cipher = cipherOf(suite);
  const sealedBare = microseconds(() => cipher.seal(packet, ESP_HEADER_LENGTH));

  const pool = Array.from({ length: POOL }, () => {
    out.seal(packet, 0, length, NextHeader.IPV4);
    return packet.slice();
  });
  let next = 0;
  let into = inbound(cipher);
  const opened = microseconds(() => {
    if (next === POOL) {
      next = 0;
      into = inbound(cipher);
    }
    packet.set(pool[next++] as Uint8Array);
    if (typeof into.open(packet) === 'string') throw new Error('a packet was refused');
  });
  const openedBare = microseconds(() => {
    next = (next + 1) % POOL;
    packet.set(pool[next] as Uint8Array);
    if (!cipher.open(packet, ESP_HEADER_LENGTH)) throw new Error('a packet was refused');
  });
  const what = `${suite.name}, ${length} octets`;
  return [
    row(`seal ${what}`, sealed, sealedBare),
    row(`open ${what}`, opened, openedBare),
    { name: `  sealed and opened a second`, value: 1e6 / (sealed + opened), unit: '' },
  ];
}

function row(name: string, value: number, bare: number): Row {
  return { name, value, unit: 'µs', ratio: value / bare, baseline: 'the bare cipher' };
}

function inbound(cipher: PacketCipher): InboundEsp {
  return new InboundEsp({ spi: SPI, cipher, esn: false, replayWindow: 512 });
}

function cipherOf({ name, encryption, keyLength, integrity }: Suite): PacketCipher {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  const cipher =
    sizes &&
    provider.packetCipher({
      encryption,
      keyLength,
      integrity,
      encryptionKey: new Secret(new Uint8Array(sizes.encryptionKey).fill(1)),
      integrityKey: new Secret(new Uint8Array(sizes.integrityKey).fill(2)),
    });
  if (cipher === undefined) throw new Error(`${provider.name} lacks ${name}`);
  return cipher;
}
