import { proposal, selector } from '../policy-types.ts';
import { list, maybe, one } from '../schema.ts';
import {
  boolean,
  choice,
  count,
  integer,
  ipAddress,
  keyMaterial,
  spi,
  time,
  volume,
} from '../value-types.ts';
import { CHILD } from './child.ts';

const port = maybe(
  integer(1, 0xffff),
  'the daemon’s own for NAT traversal',
  'UDP port of this side, with encap.',
);

/** `manual.<name>`: SAs with keys that are given, of cygnet alone. */
export const MANUAL = {
  local_addr: maybe(ipAddress, 'none: it must be given', 'Address of this side.'),
  remote_addr: maybe(ipAddress, 'none: it must be given', 'Address of the peer.'),
  spi_in: maybe(spi, 'none: it must be given', 'SPI of packets that come in; the peer’s spi_out.'),
  spi_out: maybe(spi, 'none: it must be given', 'SPI of packets that go out; the peer’s spi_in.'),
  esp: maybe(
    proposal('esp'),
    'none',
    'Algorithms of ESP, such as aes256-sha256: one cipher, one for integrity.',
  ),
  ah: maybe(proposal('ah'), 'none', 'Algorithm of AH, such as sha256, in place of ESP.'),
  encryption_key_in: maybe(
    keyMaterial,
    'none',
    'Key, and salt where the cipher has one, of packets that come in: 0x…, 0s…, or a file of the folder manual.',
  ),
  encryption_key_out: maybe(keyMaterial, 'none', 'The same of packets that go out.'),
  integrity_key_in: maybe(keyMaterial, 'none', 'Key for the integrity of packets that come in.'),
  integrity_key_out: maybe(keyMaterial, 'none', 'The same of packets that go out.'),
  mode: one(choice(['tunnel', 'transport', 'beet']), 'tunnel', 'Whole packets (tunnel), or their content.'),
  local_ts: list(selector, 'dynamic', 'Traffic of this side; `dynamic` is local_addr.'),
  remote_ts: list(selector, 'dynamic', 'Traffic of the peer’s side; `dynamic` is remote_addr.'),
  encap: one(boolean, 'no', 'ESP in UDP (RFC 3948).'),
  local_port: port,
  remote_port: one(integer(1, 0xffff), '4500', 'UDP port of the peer, with encap.'),
  replay_window: one(
    integer(0, 32_768),
    '0',
    'Packets that may come late; 0 turns the check off, as it should be with such keys (RFC 4303 §3.3.3).',
  ),
  life_time: one(time, '0s', 'Stop the traffic after this long; 0 never does.'),
  life_bytes: one(volume, '0', 'Stop the traffic after this many octets; 0 never does.'),
  life_packets: one(count, '0', 'Stop the traffic after this many packets; 0 never does.'),
  i_dont_care_about_security_and_use_counter_mode_with_manual_keys: one(
    boolean,
    'no',
    'Allow ciphers in counter mode, whose nonces repeat under the same key when a host starts again (RFC 8221 §3).',
  ),
  tfc_padding: CHILD.tfc_padding,
  reqid: CHILD.reqid,
  priority: CHILD.priority,
  policies: CHILD.policies,
  mark_in: CHILD.mark_in,
  mark_in_sa: CHILD.mark_in_sa,
  mark_out: CHILD.mark_out,
  set_mark_in: CHILD.set_mark_in,
  set_mark_out: CHILD.set_mark_out,
  if_id_in: CHILD.if_id_in,
  if_id_out: CHILD.if_id_out,
  copy_df: CHILD.copy_df,
  copy_ecn: CHILD.copy_ecn,
  copy_dscp: CHILD.copy_dscp,
  icmp: CHILD.icmp,
};
