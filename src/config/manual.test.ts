import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEST_TIME } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { formatIp } from '../lib/ip.ts';
import { formatSelector } from '../policy/selector-text.ts';
import { manualSaFromTree } from './inline.ts';
import { loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';

const KEY = (octet: string, octets: number) => `0x${octet.repeat(octets)}`;

const GOOD = {
  local_addr: '192.0.2.1',
  remote_addr: '192.0.2.2',
  spi_in: '0xc1000001',
  spi_out: '0xc1000002',
  esp: 'aes256-sha256',
  encryption_key_in: KEY('01', 31).concat('02'),
  encryption_key_out: KEY('03', 31).concat('04'),
  integrity_key_in: KEY('05', 31).concat('06'),
  integrity_key_out: KEY('07', 31).concat('08'),
};
const GCM = {
  ...GOOD,
  esp: 'aes256gcm16',
  encryption_key_in: KEY('01', 35).concat('02'),
  encryption_key_out: KEY('03', 35).concat('04'),
  integrity_key_in: '',
  integrity_key_out: '',
};
const COUNTER_MODE = 'i_dont_care_about_security_and_use_counter_mode_with_manual_keys';

type Settings = Readonly<Record<string, string>>;

/** Without the settings that are empty. */
function present(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ''));
}

function section(name: string, settings: Settings): string {
  const lines = Object.entries(present(settings)).map(([key, value]) => `${key} = ${value}`);
  return `${name} {\n${lines.join('\n')}\n}\n`;
}

function folderWith(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-manual-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'swanctl.conf'), text, { mode: 0o600 });
  return folder;
}

function load(folder: string) {
  return loadConfiguration(folder, { provider: nodeProvider(), now: TEST_TIME });
}

/** Everything that is wrong with one SA of these settings. */
function faults(settings: Settings): string {
  try {
    manualSaFromTree('gw', present({ ...GOOD, ...settings }));
    return '';
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure);
    assert.doesNotMatch(error.message, /0[1-8]{2}0[1-8]/, 'a key was told');
    return error.message;
  }
}

function warnings(settings: Settings): readonly string[] {
  return manualSaFromTree('gw', present({ ...GOOD, ...settings })).warnings.map(formatRemark);
}

test('a manual section becomes SAs with the keys as given', t => {
  const folder = folderWith(
    t,
    `manual {
       ${section('gw', {
         ...GOOD,
         encryption_key_out: 'out.key',
         integrity_key_in: `0s${Buffer.alloc(32, 9).toString('base64')}`,
         integrity_key_out: 'text.key',
         local_ts: '10.1.0.0/16, dynamic[tcp/22]',
         encap: 'yes',
         mark_out: '5/0xff',
         life_time: '2h',
       })}
       ${section('ah', {
         ...present({ ...GOOD, esp: '', encryption_key_in: '', encryption_key_out: '' }),
         ah: 'sha384',
         mode: 'transport',
         integrity_key_in: KEY('01', 47).concat('02'),
         integrity_key_out: KEY('03', 47).concat('04'),
       })}
     }`,
  );
  mkdirSync(join(folder, 'manual'));
  writeFileSync(join(folder, 'manual/out.key'), Buffer.alloc(32, 0xee).fill(1, 0, 1), { mode: 0o600 });
  writeFileSync(join(folder, 'manual/text.key'), `0x${'ab'.repeat(31)}cd\n`, { mode: 0o600 });
  const { manual } = load(folder);
  const [gw, ah] = manual;
  assert.ok(gw !== undefined && ah !== undefined);
  assert.equal(gw.name, 'gw');
  assert.deepEqual([gw.protocol, gw.mode, gw.encap, gw.remotePort], ['esp', 'tunnel', true, 4500]);
  assert.deepEqual([gw.spiIn, gw.spiOut, gw.lifeTime], [0xc1000001, 0xc1000002, 7_200_000]);
  assert.deepEqual(gw.algorithms, { encryption: 12, keyLength: 256, integrity: 12, esn: false });
  assert.deepEqual([formatIp(gw.local), formatIp(gw.remote)], ['192.0.2.1', '192.0.2.2']);
  assert.deepEqual(gw.localTs.map(formatSelector), ['10.1.0.0/16', '192.0.2.1/32[tcp/22]']);
  assert.deepEqual(gw.remoteTs.map(formatSelector), ['192.0.2.2/32']);
  assert.deepEqual(gw.kernel, { markOut: { value: 5, mask: 0xff } });
  assert.equal(toHex(gw.keysIn.encryption.reveal()), `${'01'.repeat(31)}02`);
  assert.equal(toHex(gw.keysOut.encryption.reveal()), `01${'ee'.repeat(31)}`);
  assert.equal(toHex(gw.keysIn.integrity.reveal()), '09'.repeat(32));
  assert.equal(toHex(gw.keysOut.integrity.reveal()), `${'ab'.repeat(31)}cd`);
  assert.deepEqual([ah.protocol, ah.mode, ah.algorithms.integrity], ['ah', 'transport', 13]);
  assert.equal(ah.keysIn.encryption.length, 0);
  assert.doesNotMatch(
    JSON.stringify(manual, (_, value) => (typeof value === 'bigint' ? 0 : value)),
    /abab/,
  );
});

test('keys must be just as long as their algorithm takes them, salt and all', () => {
  const cases: readonly (readonly [Settings, RegExp])[] = [
    [
      { ...GCM, [COUNTER_MODE]: 'yes', encryption_key_in: KEY('01', 32) },
      /aes256gcm16 takes 36 octets: 32 of key and 4 of salt, encryption_key_in has 32; .*rand -hex 36/,
    ],
    [{ encryption_key_out: KEY('01', 33) }, /aes256-sha256 takes 32 octets, encryption_key_out has 33/],
    [{ integrity_key_in: KEY('01', 20) }, /takes 32 octets, integrity_key_in has 20/],
    [{ esp: 'aes128-sha512' }, /takes 16 octets, encryption_key_in has 32[\s\S]*takes 64 octets/],
    [{ esp: '3des-sha1' }, /3des-sha1 takes 24 octets[\s\S]*takes 20 octets/],
    [{ esp: 'null-sha256' }, /null-sha256 takes no encryption_key_in; remove it/],
    [{ ...GCM, [COUNTER_MODE]: 'yes', integrity_key_in: '0x01' }, /aes256gcm16 takes no integrity_key_in/],
    [
      { encryption_key_in: '' },
      /has no encryption_key_in; add encryption_key_in = 0x…: aes256-sha256 takes 32/,
    ],
    [{ encryption_key_in: '0xzz' }, /encryption_key_in: what follows 0x is not hexadecimal/],
    [{ esp: '', ah: 'sha256' }, /sha256 takes no encryption_key_in/],
  ];
  for (const [settings, expected] of cases) assert.match(faults(settings), expected);
  assert.equal(faults({ ...GCM, [COUNTER_MODE]: 'yes' }), '');
});

test('counter mode with keys that outlive a start is refused unless somebody insists', () => {
  const ciphers: readonly (readonly [string, number])[] = [
    ['aes256gcm16', 36],
    ['aes128ccm16', 19],
    ['chacha20poly1305', 36],
    ['aes256ctr-sha256', 36],
    ['aes128gmac', 20],
  ];
  for (const [esp, octets] of ciphers) {
    const integrity = esp.includes('sha') ? {} : { integrity_key_in: '', integrity_key_out: '' };
    const settings = {
      esp,
      ...integrity,
      encryption_key_in: KEY('01', octets - 1).concat('02'),
      encryption_key_out: KEY('03', octets - 1).concat('04'),
    };
    assert.match(faults(settings), new RegExp(`${esp} must not be used with manual keys.*RFC 8221 §3`));
    assert.equal(faults({ ...settings, [COUNTER_MODE]: 'yes' }), '');
    assert.match(
      warnings({ ...settings, [COUNTER_MODE]: 'yes' }).join('\n'),
      /can read and forge its packets/,
    );
  }
  const same = { ...GCM, [COUNTER_MODE]: 'yes', encryption_key_out: GCM.encryption_key_in };
  assert.match(
    faults(same),
    /the same keys in both directions, so that nonces repeat from the first packet on/,
  );
  const ah = { esp: '', ah: 'aes128gmac', encryption_key_in: '', encryption_key_out: '' };
  const macs = { integrity_key_in: KEY('01', 20), integrity_key_out: KEY('02', 20) };
  assert.match(faults({ ...ah, ...macs }), /aes128gmac must not be used with manual keys/);
});

test('what contradicts itself or is missing is told with its place', t => {
  const cases: readonly (readonly [Settings, RegExp])[] = [
    [{ spi_in: '0xff' }, /SPIs below 0x100 are reserved/],
    [{ spi_in: '4097' }, /it is no hexadecimal number of 32 bits; write it as 0x/],
    [{ spi_out: '0x1ffffffff' }, /spi_out cannot be "0x1ffffffff"/],
    [{ spi_in: '' }, /has no spi_in/],
    [{ local_addr: '' }, /has no local_addr/],
    [{ remote_addr: '0.0.0.0' }, /an address of a host is wanted here/],
    [{ remote_addr: '2001:db8::1' }, /different IP versions/],
    [{ esp: '' }, /names no algorithms; add esp = aes256-sha256/],
    [{ ah: 'sha256' }, /names ESP and AH; give either/],
    [{ esp: 'aes256-aes128-sha256' }, /names several algorithms/],
    [{ esp: 'aes256-sha256, aes128-sha256' }, /names several algorithms/],
    [{ esp: 'default' }, /names several algorithms/],
    [{ esp: 'aes256-sha256-modp2048' }, /there is no key exchange; leave its keyword out/],
    [{ esp: 'aes256-sha256-esn' }, /leave esn out/],
    [{ esp: 'aes265-sha256' }, /did you mean "aes256"/],
    [{ esp: 'aes256' }, /names no integrity algorithm/],
    [{ mode: 'pass' }, /mode cannot be "pass"/],
    [{ enc_key_in: '0x01' }, /there is no key "enc_key_in" in a section such as "gw"/],
    [
      { encryption_key_in: 'deadbeef' },
      /cannot read the file of encryption_key_in: files are not read here; give 0x…/,
    ],
  ];
  for (const [settings, expected] of cases) assert.match(faults(settings), expected);
  const other = { ...GOOD, spi_in: '0xc1000009', spi_out: '0xc1000002' };
  const text = `manual {\n${section('a', GOOD)}${section('b', GOOD)}${section('c', other)}x = 1\n}`;
  const folder = folderWith(t, text);
  assert.throws(() => load(folder), {
    message: [
      `${folder}/swanctl.conf:16:10: spi_in of manual SA "b" is that of "a"; give each SA an SPI of its own (RFC 4301 §4.1)`,
      `${folder}/swanctl.conf:28:11: spi_out of manual SA "c" is that of "a"; give each SA an SPI of its own (RFC 4301 §4.1)`,
      `${folder}/swanctl.conf:35:1: "x" stands directly in "manual"; put it into a section of "manual" with a name`,
    ].join('\n'),
  });
});

test('such keys are warned of, and files that everybody may read', t => {
  assert.match(warnings({})[0] ?? '', /no rekeying, no forward secrecy.*RFC 8221 §3, RFC 4303 §5/);
  assert.match(
    warnings({ replay_window: '64' }).join('\n'),
    /takes its packets for replays.*RFC 4303 §3.3.3/,
  );
  assert.match(warnings({ encryption_key_in: KEY('00', 32) }).join('\n'), /all octets .* are the same/);
  assert.match(warnings({ esp: 'null-md5', ...short() }).join('\n'), /allows what is weak: md5/);
  const same = { encryption_key_out: GOOD.encryption_key_in, integrity_key_out: GOOD.integrity_key_in };
  assert.match(warnings(same).join('\n'), /passes for one of the peer's/);

  const folder = folderWith(t, `manual { ${section('gw', { ...GOOD, integrity_key_out: 'mac.key' })} }`);
  mkdirSync(join(folder, 'manual'));
  writeFileSync(join(folder, 'manual/mac.key'), Buffer.alloc(32, 3).fill(1, 0, 1));
  for (const file of ['manual/mac.key', 'swanctl.conf']) chmodSync(join(folder, file), 0o644);
  const told = load(folder).warnings.map(formatRemark).join('\n');
  assert.match(told, /mac\.key: everybody on this machine may read this key; chmod 600/);
  assert.match(told, /swanctl\.conf: everybody on this machine may read this file with secrets/);
});

function short(): Settings {
  return {
    encryption_key_in: '',
    encryption_key_out: '',
    integrity_key_in: KEY('01', 15).concat('02'),
    integrity_key_out: KEY('03', 15).concat('04'),
  };
}
