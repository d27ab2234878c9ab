import { interfaceId } from '../kernel-types.ts';
import { identityPattern, proposal } from '../policy-types.ts';
import { list, maybe, one, refused } from '../schema.ts';
import { address, boolean, choice, dscp, host, integer, text, time } from '../value-types.ts';

const port = integer(0, 65_535);
const YES_NO = { true: 'yes', enabled: 'yes', 1: 'yes', false: 'no', disabled: 'no', 0: 'no' } as const;

/** `connections.<name>` */
export const CONNECTION = {
  version: one(
    choice(['0', '1', '2']),
    '2',
    'IKE version. 1 is IKEv1; 0 answers both and begins with IKEv2. Where no connection says 1 or 0, IKEv1 is off.',
  ),
  local_addrs: list(
    host,
    '',
    'Addresses of this side: a peer must have come to one of them, and the first single one is sent from.',
  ),
  remote_addrs: list(
    host,
    '',
    'Addresses of the peer: the first single one or name is sent to, and a peer must come from one of them.',
  ),
  local_port: one(
    port,
    '500',
    'UDP port that this side begins from: 500 for the daemon’s own, or its port for NAT traversal, with a remote_port that is not 500. It has no others.',
  ),
  remote_port: one(port, '500', 'UDP port of the peer.'),
  proposals: list(proposal('ike'), 'default', 'Algorithms for the IKE SA, best first.'),
  vips: list(address, '', 'Virtual IPs to ask the peer for; 0.0.0.0 and :: ask for any.'),
  aggressive: one(
    boolean,
    'no',
    'IKEv1: Aggressive Mode in place of Main Mode, which shows identities to all who listen.',
  ),
  new_group: one(
    text,
    'no',
    'IKEv1 new group mode (RFC 2409 §5.6): accept takes a group of the peer’s for the PFS of children; a file of DH parameters, in pubkey unless with a path, is proposed to it. cygnet only.',
  ),
  pull: one(
    boolean,
    'yes',
    'IKEv1: the client asks for its virtual addresses (mode config); no: the side with the pool tells it. Both sides must say the same.',
  ),
  dscp: one(dscp, '000000', 'DSCP of the datagrams with IKE messages; over TCP they have none.'),
  encap: one(boolean, 'no', 'Pretend to be behind a NAT, so that ESP travels in UDP.'),
  mobike: one(
    boolean,
    'yes',
    'IKEv2: let the SAs go on where either side moves to (RFC 4555), where the peer can too.',
  ),
  tcp: one(
    choice(['no', 'yes', 'fallback'], YES_NO),
    'no',
    'IKEv2 and ESP over TCP (RFC 9329): at once, or where nobody answers by UDP; with either a peer may come by TCP too. cygnet only.',
  ),
  dpd_delay: one(
    time,
    '0s',
    'Check that the peer lives after this long without a packet from it; 0 never does.',
  ),
  dpd_timeout: one(
    time,
    '0s',
    'IKEv1: give the peer up when it has not answered for this long; 0 after as many questions as retransmissions.',
  ),
  fragmentation: one(
    choice(['yes', 'accept', 'force', 'no'], YES_NO),
    'yes',
    'Split long IKE messages (RFC 7383).',
  ),
  childless: one(
    choice(['allow', 'prefer', 'force', 'never']),
    'allow',
    'Make the IKE SA without a Child SA (RFC 6023).',
  ),
  send_certreq: one(boolean, 'yes', 'Tell the peer which authorities are trusted here.'),
  send_cert: one(choice(['always', 'ifasked', 'never']), 'ifasked', 'When to send the certificate.'),
  ocsp: one(
    choice(['never', 'reply', 'request', 'both']),
    'reply',
    'OCSP responses within IKEv2 (RFC 4806): ask the peer for that of its certificate, reply with that of ours.',
  ),
  ppk_id: maybe(
    identityPattern,
    'none',
    'Identity of the post-quantum pre-shared key to use (RFC 8784), of a secret whose name begins with ppk; a responder takes those that it fits, * standing for anything, and without it any.',
  ),
  ppk_required: one(boolean, 'no', 'Fail where no post-quantum pre-shared key can be used.'),
  keyingtries: one(
    integer(0, 0xffff),
    '1',
    'Attempts at IKE_SA_INIT, each with all its retransmissions; 0 tries without end.',
  ),
  unique: one(
    choice(['never', 'no', 'keep', 'replace'], { false: 'no', true: 'replace', yes: 'replace' }),
    'no',
    'What happens to earlier SAs of the same peer: replace them, keep them and refuse the new one, or replace them only when the peer says INITIAL_CONTACT (no).',
  ),
  reauth_time: one(
    time,
    '0s',
    'Authenticate anew after this long. IKEv2: who answers says so too (RFC 4478), since a peer from anywhere, or with a virtual IP, can only do it itself.',
  ),
  rekey_time: maybe(
    time,
    '4h, or 0s where reauth_time is set',
    'Replace the keys of the IKE SA after this long.',
  ),
  over_time: maybe(
    time,
    'a tenth of the longer of rekey_time and reauth_time',
    'Give the IKE SA up this long after it should have been replaced.',
  ),
  rand_time: maybe(
    time,
    'over_time, at most half of the time it is taken from',
    'Up to this much is taken off rekey_time and reauth_time at random.',
  ),
  pools: list(
    text,
    '',
    'Pools to give virtual IPs from, and what goes along with them, to a peer that asks.',
  ),
  if_id_in: one(
    interfaceId,
    '0',
    'XFRM interface of the inbound SAs of all children that name none; %unique is one number for each IKE SA.',
  ),
  if_id_out: one(
    interfaceId,
    '0',
    'XFRM interface of the outbound SAs of all children that name none; %unique is one number for each IKE SA.',
  ),
  mediation: refused(one(boolean, 'no', 'Be a mediator between two peers behind NATs.')),
  mediated_by: refused(maybe(text, 'none', 'Connection to the mediator.')),
  mediation_peer: refused(maybe(text, 'none', 'Identity of the peer at the mediator.')),
};

/** Sections that may stand in a connection; the last two may carry a suffix. */
export const CONNECTION_SECTIONS = ['children', 'local', 'remote'];
