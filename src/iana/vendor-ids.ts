import { fromHex, toHex } from '../lib/bytes.ts';

/**
 * Vendor IDs that are known in the field, by name: most are the MD5 hash of a text. IKEv1 turns features on by
 * them; under IKEv2 they are there to be read.
 */
export const VENDOR_IDS = {
  'RFC 3947': '4a131c81070358455c5728f20e95452f',
  'draft-ietf-ipsec-nat-t-ike-00': '4485152d18b6bbcd0be8a8469579ddcc',
  'draft-ietf-ipsec-nat-t-ike-01': '16f6ca16e4a4066d83821a0f0aeaa862',
  'draft-ietf-ipsec-nat-t-ike-02': 'cd60464335df21f87cfdb2fc68b6a448',
  'draft-ietf-ipsec-nat-t-ike-03': '7d9419a65310ca6f2c179d9215529d56',
  'draft-ietf-ipsec-nat-t-ike-04': '9909b64eed937c6573de52ace952fa6b',
  'draft-ietf-ipsec-nat-t-ike-05': '80d0bb3def54565ee84645d4c85ce3ee',
  'draft-ietf-ipsec-nat-t-ike-06': '4d1e0e136deafa34c4f3ea9f02ec7285',
  'draft-ietf-ipsec-nat-t-ike-07': '439b59f8ba676c4c7737ae22eab8f582',
  'draft-ietf-ipsec-nat-t-ike-08': '8f8d83826d246b6fc7a8a6a428c11de8',
  'draft-ietf-ipsec-nat-t-ike': '4df37928e9fc4fd1b3262170d515c662',
  'draft-stenberg-ipsec-nat-traversal-01': '27bab5dc01ea0760ea4e3190ac27c0d0',
  'draft-stenberg-ipsec-nat-traversal-02': '6105c422e76847e43f9684801292aecd',
  ESPThruNAT: '50760f624c63e5c53eea386c685ca083',
  strongSwan: '882fe56d6fd20dbc2251613b2ebe5beb',
  'KAME/racoon': '7003cbc1097dbe9c2600ba6983bc8b35',
  GSSAPI: '621b04bb09882ac1e15935fefa24aeee',
  'GSS-API authentication': 'ad2c0dd0b9c32083ccba25b8861ec455',
  'Vid-Initial-Contact': '26244d38eddb61b3172a36e3d0cfb819',
  'SSH Sentinel': '054182a07c7ae206f9d2cf9d2432c482',
  'SSH Sentinel 1.1': 'b91623e693ca18a54c6a2778552305e8',
  'SSH Sentinel 1.2': '5430888de01a31a6fa8f60224e449958',
  'SSH Sentinel 1.3': '7ee5cb85f71ce259c94a5c731ee4e752',
  'SSH Sentinel 1.4': '63d9a1a7009491b5a0a6fdeb2a8284f0',
  'SSH Sentinel 1.4.1': 'eb4b0d96276b4e220ad16221a7b2a5e6',
  'Fortinet Endpoint Control': 'b4f01ca951e9da8d0bafbbd34ad3044e',
  'forticlient connect license': '4c53427b6d465d1b337bb755a37a7fef',
  'Cisco VPN 3000 client': 'f6f7efc7f5aeb8cb158cb9d094ba69e7',
  FRAGMENTATION: '4048b7d56ebce88525e7de7f00d6c2d3',
  'MS NT5 ISAKMPOAKLEY': '1e2b516905991c7d7c96fcbfb587e461',
  'MS-Negotiation Discovery Capable': 'fb1de3cdf341b7ea16b7e5be0855f120',
  'IKE CGA version 1': 'e3a5966a76379fe707228231e5ce8652',
  'MS-MamieExists': '214ca4faffa7f32d6748e5303395ae83',
  NLBS_PRESENT: '72872b95fcda2eb708efe322119b4971',
  'draft-ietf-ipsec-nat-t-ike-02 LF': '90cb80913ebb696e086381b5ec427b1f',
  DPD: 'afcad71368a1f1c96b8696fc77570100',
  XAUTH: '09002689dfd6b712',
  'Cisco-Unity': '12f5f28c457168a9702d9fe274cc',
  'Cisco VPN concentrator': '1f07f70eaa6514d3b0fa96542a50',
  'Windows 2000': '1e2b516905991c7d7c96fcbfb587e46100000002',
  'Windows XP SP1': '1e2b516905991c7d7c96fcbfb587e46100000003',
  'Windows 2003/XP SP2': '1e2b516905991c7d7c96fcbfb587e46100000004',
  'Windows Vista': '1e2b516905991c7d7c96fcbfb587e46100000005',
  'Windows 2008': '1e2b516905991c7d7c96fcbfb587e46100000006',
  'Windows 7': '1e2b516905991c7d7c96fcbfb587e46100000007',
  'Windows 2008 R2': '1e2b516905991c7d7c96fcbfb587e46100000008',
  'Windows 8 / 8.1 / 10 / 2012 R2 / 2016': '1e2b516905991c7d7c96fcbfb587e46100000009',
  Fortigate: '1d6e178f6c2c0be284985465450fe9d4',
  'Check Point': 'f4ed19e0c114eb516faaac0ee37daf2807b4381f',
  'NetScreen / Juniper': '699369228741c6d4ca094c93e242c9de19e7b7c6',
  HeartBeat_Notify: '4865617274426561745f4e6f74696679',
  OpenPGP: '4f70656e5047503130313731',
  Timestep: '54494d4553544550',
  'CISCO-DELETE-REASON': '434953434f2d44454c4554452d524541534f4e',
  'FLEXVPN-SUPPORTED': '464c455856504e2d535550504f52544544',
  'Windows KEY_MODS': '01528bbbc00696121849ab9a1c5b2a51',
  'SonicWall-1': '5b362bc820f60001',
  'SonicWall-2': '5b362bc820f60002',
  'SonicWall-3': '5b362bc820f60003',
  'SonicWall-5': '5b362bc820f60005',
  'SonicWall-6': '5b362bc820f60006',
  'SonicWall-7': '5b362bc820f60007',
  'SonicWall-8': '5b362bc820f60008',
  'SonicWall-a': '404bf439522ca3f6',
  'SonicWall-b': 'da8e937880010000',
  'SonicWall-c': '5b362bc820f70001',
  'ZyXEL ZyWALL Router': 'b858d1addd08c1e8adafea150608aa4497aa6cc8',
  'ZyXEL ZyWALL USG 100': 'f758f22668750f03b08df6ebe1d0',
  'ZyXEL ZyWALL': '625027749d5ab97f5616c1602765cf480a3b7d0b',
  Sidewinder: '8404adf9cda05760b2ca292e4bff537b',
  'draft-huttunen-ipsec-esp-in-udp-00.txt': '6a7434c19d7e36348090a02334c9c805',
  'Netscreen-01': '299ee8289f40a8973bc78687e2e7226b532c3b76',
  'Netscreen-02': '3a15e1f3cf2a63582e3ac82d1c64cbe3b6d779e7',
  'Netscreen-03': '47d2b126bfcd83489760e2cf8c5d4d5a03497c15',
  'Netscreen-04': '4a4340b543e02b84c88a8b96a8af9ebe77d9accc',
  'Netscreen-05': '64405f46f03b7660a23be116a1975058e69e8387',
  'Netscreen-07': '8c0dc6cf62a0ef1b5c6eabd1b67ba69866adf16a',
  'Netscreen-08': '92d27a9ecb31d99246986d3453d0c3d57a222a61',
  'Netscreen-09': '9b096d9ac3275a7d6fe8b91c583111b09efed1a0',
  'Netscreen-10': 'bf03746108d746c904f1f3547de24f78479fed12',
  'Netscreen-11': 'c2e80500f4cc5fbf5daaeed3bb59abaeee56c652',
  'Netscreen-12': 'c8660a62b03b1b6130bf781608d32a6a8d0fb89f',
  'Netscreen-13': 'f885da40b1e7a9abd17655ec5bbec0f21f0ed52e',
  'Netscreen-14': '2a2bcac19b8e91b426107807e02e7249569d6fd3',
  'Netscreen-15': '166f932d55eb64d8e4df4fd37e2313f0d0fd8451',
  'Netscreen-16': 'a35bfd05ca1ac0b3d2f24e9e82bfcbff9c9e52b5',
} as const;

export type VendorName = keyof typeof VENDOR_IDS;

/** Those that are followed by a version, capabilities or other data; all others are matched whole. */
const PREFIXES: readonly VendorName[] = [
  'FRAGMENTATION',
  'MS NT5 ISAKMPOAKLEY',
  'Cisco-Unity',
  'Cisco VPN concentrator',
  'Check Point',
  'NetScreen / Juniper',
  'HeartBeat_Notify',
  'Timestep',
  'Windows KEY_MODS',
  'Netscreen-01',
  'Netscreen-02',
  'Netscreen-03',
  'Netscreen-04',
  'Netscreen-05',
  'Netscreen-07',
  'Netscreen-08',
  'Netscreen-09',
  'Netscreen-10',
  'Netscreen-11',
  'Netscreen-12',
  'Netscreen-13',
  'Netscreen-14',
  'Netscreen-15',
  'Netscreen-16',
];

/** The octets to send for `name`. */
export function vendorIdOctets(name: VendorName): Uint8Array {
  return fromHex(VENDOR_IDS[name]) as Uint8Array;
}

/** Who or what `data`, the whole of a Vendor ID payload, stands for; undefined where nobody knows. */
export function vendorNameOf(data: Uint8Array): VendorName | undefined {
  if (data.length > LONGEST) return byPrefix(toHex(data.subarray(0, LONGEST)));
  const hex = toHex(data);
  return WHOLE.get(hex) ?? byPrefix(hex);
}

const ROWS = Object.entries(VENDOR_IDS) as [VendorName, string][];
const WHOLE: ReadonlyMap<string, VendorName> = new Map(ROWS.map(([name, hex]) => [hex, name]));
const LONGEST = Math.max(...ROWS.map(([, hex]) => hex.length / 2));

function byPrefix(hex: string): VendorName | undefined {
  return PREFIXES.find(name => hex.startsWith(VENDOR_IDS[name]));
}
