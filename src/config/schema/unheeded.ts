/**
 * Keys of `charon` that charon knows and that change nothing here, and why. One that is set is named in a warning with the reason;
 * where what it says is so in any case there is nothing to warn of, and it is listed alone.
 */
export interface Unheeded {
  readonly because: string;
  /** Values with which all is as they say. */
  readonly fulfilled?: readonly string[];
}

const YES = ['yes', 'true', 'enabled', '1'] as const;
const NO = ['no', 'false', 'disabled', '0'] as const;

export const CHARON_UNHEEDED: Readonly<Record<string, Unheeded>> = {
  accept_private_algs: { because: 'no private algorithm is known here', fulfilled: NO },
  cert_cache: { because: 'certificates that were checked are remembered always', fulfilled: YES },
  child_sa_half_open_timeout: { because: 'a child comes to be in one exchange, which retransmissions bound' },
  dh_exponent_ansi_x9_42: { because: 'the cryptographic library chooses exponents' },
  dlopen_use_rtld_now: { because: 'there are no plugins to load' },
  flush_auth_cfg: { because: 'what only authentication needs is freed always', fulfilled: YES },
  follow_redirects: { because: 'RFC 5685 is not spoken: nobody redirects', fulfilled: NO },
  force_eap_only_authentication: { because: 'a server proves itself always', fulfilled: NO },
  hash_and_url: { because: 'certificates travel whole', fulfilled: NO },
  ignore_acquire_ts: { because: 'a trap asks for the configured selectors always', fulfilled: YES },
  ignore_routing_tables: { because: 'which routing tables are asked the rules of the kernel say' },
  ikesa_table_segments: { because: 'there is one thread, and nothing to lock' },
  ikesa_table_size: { because: 'the table of IKE SAs grows by itself' },
  init_limit_job_load: { because: 'there is no queue of jobs' },
  integrity_test: { because: 'there are no plugins to test', fulfilled: NO },
  load: {
    because: 'there are no plugins to load but by kernel-libipsec, which stands for ESP in user space',
  },
  load_modular: { because: 'there are no plugins to load' },
  piggyback_child_rekey: {
    because: 'children and IKE SAs get their keys in exchanges of their own',
    fulfilled: NO,
  },
  prefer_previous_dh_group: {
    because: 'a rekey begins with the group that was agreed upon before always',
    fulfilled: YES,
  },
  prefer_temporary_addrs: {
    because: 'which of its IPv6 addresses this host sends from the kernel says (use_tempaddr)',
  },
  rdn_matching: { because: 'names are compared part by part, in their order', fulfilled: ['strict'] },
  receive_delay: { because: 'delays are for tests, which have tc and netem', fulfilled: ['0'] },
  receive_delay_request: { because: 'see receive_delay' },
  receive_delay_response: { because: 'see receive_delay' },
  receive_delay_type: { because: 'see receive_delay' },
  rsa_pss: {
    because: 'PSS goes before PKCS #1, unless auth of a connection names the schemes',
    fulfilled: YES,
  },
  rsa_pss_trailerfield: { because: 'the field has its only value, which DER leaves out', fulfilled: NO },
  send_delay: { because: 'delays are for tests, which have tc and netem', fulfilled: ['0'] },
  send_delay_request: { because: 'see send_delay' },
  send_delay_response: { because: 'see send_delay' },
  send_delay_type: { because: 'see send_delay' },
  signature_authentication_constraints: {
    because: 'what auth asks of signatures is asked of those in IKEv2 too where it says ike:',
  },
  ssh_agent: { because: 'keys are read from files, or loaded over VICI' },
  threads: { because: 'key exchange has one thread, and packets in user space another' },
};
