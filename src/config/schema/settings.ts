import { interfaceName } from '../kernel-types.ts';
import { list, maybe, one } from '../schema.ts';
import { boolean, count, decimal, integer, text, time } from '../value-types.ts';
import { ipAddress } from './pool.ts';

const seconds = { ...decimal, name: 'seconds, with fraction' };
const u16 = integer(0, 0xffff);
const u32 = integer(0, 0xffffffff);

/** `charon` in strongswan.conf: what is heeded of it. */
export const CHARON = {
  port: maybe(u16, '500', 'UDP port for IKE; 0 takes any.'),
  port_nat_t: maybe(u16, '4500', 'UDP port for IKE and ESP behind NATs; 0 takes any.'),
  retransmit_timeout: maybe(seconds, '4.0', 'First wait for an answer.'),
  retransmit_base: maybe(decimal, '1.8', 'Growth of each further wait.'),
  retransmit_tries: maybe(integer(0, 1000), '5', 'Retransmissions before giving up.'),
  retransmit_limit: maybe(time, '0s', 'The longest of these waits; 0 is none.'),
  retransmit_jitter: maybe(
    integer(0, 100),
    '0',
    'Up to so many percent are taken off each of these waits at random, so that many do not call at once.',
  ),
  max_packet: maybe(
    integer(576, 131_072),
    '131072',
    'Octets of the longest IKE message that is looked at, in fragments or not.',
  ),
  ikesa_limit: maybe(u32, '0', 'IKE SAs from which on no peer begins another; 0 is off.'),
  initiator_only: maybe(boolean, 'no', 'Let no peer begin an IKE SA.'),
  reuse_ikesa: maybe(boolean, 'yes', 'Make further children on the IKE SA that is there.'),
  make_before_break: maybe(
    boolean,
    'yes',
    'IKEv2: an IKE SA is made anew (`reauth_time`) before the old one goes, as charon does from version 6 on; no: afterwards, with nothing to carry traffic in between.',
  ),
  prefer_configured_proposals: maybe(
    boolean,
    'yes',
    'As responder the order of proposals here goes before that of the peer.',
  ),
  close_ike_on_child_failure: maybe(
    boolean,
    'no',
    'IKEv2: where the child comes to nothing that was to be made along with an IKE SA, that goes too.',
  ),
  half_open_timeout: maybe(time, '30s', 'Life of an SA that a peer has begun and not finished.'),
  cookie_threshold: maybe(u32, '30', 'Half-open SAs from which cookies are demanded; 0 demands them always.'),
  cookie_threshold_ip: maybe(u32, '3', 'The same for the half-open SAs of one address.'),
  block_threshold: maybe(u32, '5', 'Half-open SAs of one address beyond which it is not heard; 0 is off.'),
  init_limit_half_open: maybe(u32, '0: 10000', 'Half-open SAs beyond which no peer is heard.'),
  dos_protection: one(boolean, 'yes', 'Demand cookies and refuse addresses at all.'),
  fragment_size: maybe(
    integer(0, 65_535),
    '1280',
    'Largest IP packet for IKE messages before they are split.',
  ),
  prefer_best_path: maybe(
    boolean,
    'no',
    'Whether an SA leaves a path that still works when the routing table prefers another (MOBIKE).',
  ),
  check_current_path: maybe(
    boolean,
    'no',
    'Whether the peer is asked if the path still works after every change of addresses or routes.',
  ),
  keep_alive: maybe(time, '20s', 'How often a NAT is reminded of an idle SA; 0 is off.'),
  keep_alive_dpd_margin: maybe(
    time,
    '0s',
    'IKEv2: where that comes so much too late, since this host slept, the peer is asked whether it is there instead; 0 never does.',
  ),
  user: maybe(
    text,
    'none',
    'User that the daemon becomes once everything is open, and whose the control socket is.',
  ),
  group: maybe(text, 'that of the user', 'Group of both.'),
  dns1: maybe(ipAddress, 'none', 'Name server for every peer that is given a virtual IP.'),
  dns2: maybe(ipAddress, 'none', 'A further one.'),
  nbns1: maybe(ipAddress, 'none', 'NetBIOS name server for every peer that is given a virtual IP.'),
  nbns2: maybe(ipAddress, 'none', 'A further one.'),
  retry_initiate_interval: maybe(
    time,
    '0s',
    'When a connection is begun again whose peer has no address, or none that can be reached; 0 never does.',
  ),
  cache_crls: one(
    boolean,
    'no',
    'Revocation lists that were fetched and verified are written to `x509crl` of the directory of `--config`, otherwise of /etc/swanctl, under the names that charon gives them.',
  ),
  inactivity_close_ike: one(
    boolean,
    'no',
    'With the last child that goes for its `inactivity`, the IKE SA goes too.',
  ),
  delete_rekeyed_delay: maybe(time, '5s', 'How long a replaced inbound SA still receives.'),
  delete_rekeyed: maybe(
    boolean,
    'no',
    'IKEv1: what we have replaced is deleted at once, instead of half a minute later.',
  ),
  max_ikev1_exchanges: maybe(
    integer(1, 1024),
    '32',
    'IKEv1: exchanges of a peer that are under way on one SA, beyond which no further one is begun.',
  ),
  accept_unencrypted_mainmode_messages: maybe(
    boolean,
    'no',
    'IKEv1: take identity and proof of an initiator in the clear, as old boxes send them; whoever listens can then guess a shared key off line.',
  ),
  cisco_unity: maybe(
    boolean,
    'no',
    'IKEv1: say to everybody that Cisco’s attributes are known; without it, where we ask for a virtual IP, and to those that say so first.',
  ),
  cisco_flexvpn: maybe(boolean, 'no', 'IKEv2: say by Vendor ID that this is a client of Cisco’s FlexVPN.'),
  send_vendor_id: maybe(
    boolean,
    'no',
    'Say by Vendor ID that strongSwan’s private numbers are known; without it, where a child may be in BEET mode.',
  ),
  spi_mask: maybe(
    count,
    '0',
    'Bits of our SPIs of IKE SAs that come from spi_label; 64 bits, 0x… is hexadecimal.',
  ),
  spi_label: maybe(count, '0', 'What these bits are.'),
  spi_min: maybe(integer(0x100, 0xffffffff), '0x100', 'The lowest SPI of packets that come in.'),
  spi_max: maybe(integer(0x100, 0xffffffff), '0xffffffff', 'The highest.'),
  reqid_base: maybe(
    integer(1, 0x3fff_ffff),
    '1',
    'The first number that ties policies to SAs, where a child names none.',
  ),
  replay_window: maybe(
    integer(0, 32_768),
    '128',
    'Packets that may come late by SAs of children that do not say how many.',
  ),
  interfaces_use: list(
    interfaceName,
    '',
    'Network interfaces whose addresses IKE is spoken by; all where none is named.',
  ),
  interfaces_ignore: list(
    interfaceName,
    '',
    'Network interfaces whose addresses IKE is not spoken by, unless interfaces_use names any.',
  ),
  process_route: one(
    boolean,
    'yes',
    'Look after SAs when routes of this host change, not only when addresses and links do.',
  ),
  i_dont_care_about_security_and_use_aggressive_mode_psk: maybe(
    boolean,
    'no',
    'Answer Aggressive Mode with a shared key, which whoever asks can then guess off line.',
  ),
  ocsp_nonce_len: maybe(integer(0, 32), '32', 'Octets of the nonce in OCSP requests; 0 sends none.'),
  signature_authentication: maybe(
    boolean,
    'yes',
    'Speak RFC 7427 in IKEv2, without which RSA signs with SHA-1.',
  ),
  multiple_authentication: maybe(
    boolean,
    'yes',
    'Speak RFC 4739 in IKEv2: several rounds of authentication, one after the other.',
  ),
  install_routes: one(
    boolean,
    'yes',
    'Make routes for what goes through tunnels; without them somebody else has to (with VTI and XFRM interfaces).',
  ),
  routing_table: maybe(integer(1, 0xffffffff), '220', 'Routing table for these routes.'),
  routing_table_prio: maybe(u32, '220', 'Priority of the rule that has it asked.'),
  install_virtual_ip: one(boolean, 'yes', 'Put the virtual IPs that peers give us on this host.'),
  install_virtual_ip_on: maybe(
    text,
    'the one with the address that IKE is spoken from',
    'Interface for them, with the kernel’s IPsec; in user space they are on the TUN device.',
  ),
};

/** `charon.plugins.vici` */
export const VICI = {
  socket: maybe(
    text,
    '/run/cygnet.vici',
    'Control socket: `unix://` and a path, or `tcp://` and a loopback address.',
  ),
};

/** `charon.plugins.save-keys` */
export const SAVE_KEYS = {
  ike: one(boolean, 'no', 'Save the keys of IKE SAs.'),
  esp: one(boolean, 'no', 'Save the keys of Child SAs.'),
  wireshark_keys: maybe(text, 'none', 'Folder to save keys in.'),
};

/** `charon.plugins.revocation` */
export const REVOCATION = {
  enable_crl: maybe(boolean, 'yes', 'Heed revocation lists, and fetch them.'),
  enable_ocsp: maybe(boolean, 'yes', 'Ask OCSP responders.'),
  timeout: maybe(
    time,
    '10s',
    'When one fetch is given up; 0 is never, but for the 25s that all of them have.',
  ),
};

/** `charon.plugins.resolve` */
export const RESOLVE = {
  file: maybe(
    text,
    'none: the file is left as it is',
    'resolv.conf to write the name servers into that peers tell us along with virtual IPs.',
  ),
};

/** charon's log groups, each of which may have a level of its own. */
export const LOG_GROUPS = [
  'app',
  'asn',
  'cfg',
  'chd',
  'dmn',
  'enc',
  'esp',
  'ike',
  'imc',
  'imv',
  'job',
  'knl',
  'lib',
  'mgr',
  'net',
  'pts',
  'tls',
  'tnc',
] as const;

const level = integer(-1, 4);

/**
 * `charon.filelog.<name>`: with a path, a log in charon's own form; without one (as `stdout` and `stderr` have it) the
 * level of the log on standard output. Each of charon's groups may have a level of its own.
 */
export const FILELOG = {
  default: maybe(
    level,
    '1',
    'How much is logged: −1 nothing, 0 errors, 1 what happens, 2 to 4 more and more.',
  ),
  path: maybe(text, 'standard output', 'File to log to.'),
  append: one(boolean, 'yes', 'Keep what stands in the file.'),
  ike_name: one(boolean, 'no', 'Name connection and IKE SA in each line.'),
  time_format: maybe(text, 'none', 'What stands before each line, as strftime has it.'),
  time_add_ms: one(boolean, 'no', 'Milliseconds behind it.'),
  flush_line: one(boolean, 'yes', 'Every line is written at once, whatever is said here.'),
  log_level: one(boolean, 'no', 'Name the level in each line, behind the group.'),
};

/** `charon.syslog` */
export const SYSLOG = { identifier: maybe(text, 'charon', 'Name of the program in each line.') };

/** `charon.syslog.daemon` and `charon.syslog.auth` */
export const SYSLOG_FACILITY = {
  default: FILELOG.default,
  ike_name: FILELOG.ike_name,
  log_level: FILELOG.log_level,
};

/** The level of one group; `default` where it has none. */
export const GROUP_LEVEL = maybe(level, 'default', 'Level of one group.');
