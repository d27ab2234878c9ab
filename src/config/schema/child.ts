import { interfaceId, interfaceName, mark, newMark } from '../kernel-types.ts';
import { proposal, selector } from '../policy-types.ts';
import { heedingNot, ignored, list, maybe, one, refused } from '../schema.ts';
import { boolean, choice, count, integer, text, time, volume } from '../value-types.ts';

const action = choice(['none', 'trap', 'start', 'trap|start'], {
  clear: 'none',
  route: 'trap',
  restart: 'start',
  'start|trap': 'trap|start',
});
const u32 = integer(0, 0xffffffff);

/** `connections.<name>.children.<child>` */
export const CHILD = {
  esp_proposals: list(
    proposal('esp'),
    '',
    'Algorithms for ESP, best first; `default` when neither these nor those for AH are given.',
  ),
  ah_proposals: list(proposal('ah'), '', 'Algorithms for AH instead of ESP.'),
  sha256_96: refused(one(boolean, 'no', 'Cut HMAC-SHA-256 to 96 bits, as an old draft had it.')),
  local_ts: list(
    selector,
    'dynamic',
    'Traffic of this side: prefixes, ranges, `dynamic`, each with [protocol/port] if wanted.',
  ),
  remote_ts: list(selector, 'dynamic', 'Traffic of the peer’s side.'),
  rekey_time: one(time, '1h', 'Replace the keys after this long; 0 never does.'),
  life_time: maybe(time, 'rekey_time and a tenth', 'Give the SA up after this long.'),
  rand_time: maybe(time, 'life_time − rekey_time', 'Up to this much is taken off rekey_time at random.'),
  rekey_bytes: one(volume, '0', 'Replace the keys after this many octets; 0 never does.'),
  life_bytes: maybe(volume, 'rekey_bytes and a tenth', 'Give the SA up after this many octets.'),
  rand_bytes: maybe(
    volume,
    'life_bytes − rekey_bytes',
    'Up to this much is taken off rekey_bytes at random.',
  ),
  rekey_packets: one(count, '0', 'Replace the keys after this many packets; 0 never does.'),
  life_packets: maybe(count, 'rekey_packets and a tenth', 'Give the SA up after this many packets.'),
  rand_packets: maybe(
    count,
    'life_packets − rekey_packets',
    'Up to this many are taken off rekey_packets at random.',
  ),
  updown: maybe(
    text,
    'none',
    'Command that a shell runs when the SA comes up and when it goes, with charon’s `PLUTO_…` variables.',
  ),
  hostaccess: one(boolean, 'no', 'Tell the updown command that this host itself may be spoken to.'),
  mode: heedingNot(
    one(
      choice(['tunnel', 'transport', 'beet', 'pass', 'drop', 'transport_proxy', 'iptfs']),
      'tunnel',
      'What is protected: whole packets (tunnel) or their content (transport, beet); pass and drop make no SA but let traffic by or stop it.',
    ),
    { transport_proxy: 'refused', iptfs: 'refused' },
    {
      transport_proxy:
        'transport mode for the selectors of somebody else is Mobile IPv6’s, which is not there',
      iptfs: 'RFC 9347 is not spoken',
    },
  ),
  policies: one(boolean, 'yes', 'Install policies for the traffic selectors, and routes to them.'),
  policies_fwd_out: one(
    boolean,
    'no',
    'Install policies that let forwarded traffic of the SA by where another policy drops it.',
  ),
  dpd_action: one(
    choice(['clear', 'trap', 'restart', 'trap|restart'], {
      none: 'clear',
      route: 'trap',
      start: 'restart',
      'trap|start': 'trap|restart',
    }),
    'clear',
    'What follows when the peer is dead: nothing, a trap, a new start, or both at once.',
  ),
  start_action: one(
    action,
    'none',
    'What follows loading: nothing, start, or trap, which starts at the first packet.',
  ),
  close_action: one(action, 'none', 'What follows when the peer closes the SA.'),
  ipcomp: one(
    boolean,
    'no',
    'Compress packets with DEFLATE (RFC 3173), where the peer does too, no NAT is between and the kernel carries them.',
  ),
  inactivity: one(time, '0s', 'Close the SA after this long without traffic; 0 never does.'),
  reqid: one(u32, '0', 'Fixed number that binds SAs to policies; 0 chooses one.'),
  priority: one(u32, '0', 'Fixed priority of the policies, lower first; 0 computes it from the selectors.'),
  interface: maybe(interfaceName, 'any', 'Interface that the outbound policies are bound to.'),
  mark_in: maybe(mark, 'none', 'Mark that packets coming in must have for the policies.'),
  mark_in_sa: one(boolean, 'no', 'Demand mark_in of the packets of the inbound SA too.'),
  mark_out: maybe(mark, 'none', 'Mark that packets going out must have for the policies and the SA.'),
  set_mark_in: maybe(newMark, 'none', 'Mark that packets get when they have come in.'),
  set_mark_out: maybe(newMark, 'none', 'Mark that protected packets get on their way out.'),
  if_id_in: one(interfaceId, '0', 'XFRM interface that the inbound SA belongs to; 0 is none.'),
  if_id_out: one(interfaceId, '0', 'XFRM interface that the outbound SA belongs to; 0 is none.'),
  xfrm_interface: maybe(
    interfaceName,
    'none',
    'XFRM interface to be made with if_id_in and if_id_out, which must be one number, for as long as the connection is loaded. charon has no such key.',
  ),
  vti: maybe(
    interfaceName,
    'none',
    'VTI to be made with mark_in and mark_out as its keys, for as long as the connection is loaded. charon has no such key.',
  ),
  interface_routes: one(
    boolean,
    'no',
    'Make routes to remote_ts through xfrm_interface or vti, for as long as the SA is there. charon has no such key.',
  ),
  label: refused(
    maybe(text, 'none', 'Security label of the traffic.'),
    'IKEv2 is spoken without labels, and SELinux contexts of SAs are not set',
  ),
  label_mode: ignored(
    one(choice(['system', 'simple', 'selinux']), 'system', 'How labels are matched.'),
    'there are no labels to match, and label is refused',
  ),
  tfc_padding: one(u32, '0', 'Pad ESP packets to at least this many octets.'),
  replay_window: maybe(
    integer(0, 32_768),
    '128, or replay_window of strongswan.conf',
    'Packets that may come late; 0 turns the check off. charon has 32, too few where packets take several queues.',
  ),
  per_cpu_sas: refused(
    one(text, 'no', 'One SA for each processor (RFC 9611).'),
    'one SA carries the traffic of all processors',
  ),
  hw_offload: one(
    choice(['no', 'crypto', 'packet', 'auto'], { yes: 'crypto' }),
    'no',
    'Let the network card do the work: of the cipher (crypto) or all of it (packet), without which the SA fails; auto takes the most that card and kernel can.',
  ),
  copy_df: one(boolean, 'yes', 'Copy the DF bit to the outer header.'),
  copy_ecn: one(boolean, 'yes', 'Copy the ECN bits to and from the outer header.'),
  copy_dscp: one(choice(['out', 'in', 'yes', 'no']), 'out', 'Copy the DSCP to and from the outer header.'),
  icmp: one(boolean, 'no', 'Let ICMP errors pass that concern traffic of the SA (RFC 4301 §6).'),
};
