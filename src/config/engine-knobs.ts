import { SECOND } from '../lib/time.ts';
import type { CHARON } from './schema/settings.ts';
import type { Values } from './schema.ts';

type Charon = Values<typeof CHARON>;

/** Knobs of the engine that are said as they are written, by their keys in `charon`. Times are in milliseconds. */
const AS_WRITTEN = {
  port: 'port',
  natPort: 'port_nat_t',
  retransmitBase: 'retransmit_base',
  retransmitTries: 'retransmit_tries',
  retransmitLimit: 'retransmit_limit',
  retransmitJitter: 'retransmit_jitter',
  maxPacket: 'max_packet',
  ikeSaLimit: 'ikesa_limit',
  initiatorOnly: 'initiator_only',
  reuseIkeSa: 'reuse_ikesa',
  makeBeforeBreak: 'make_before_break',
  halfOpenTimeout: 'half_open_timeout',
  natKeepAlive: 'keep_alive',
  keepAliveDpdMargin: 'keep_alive_dpd_margin',
  preferBestPath: 'prefer_best_path',
  checkCurrentPath: 'check_current_path',
  retryInitiateInterval: 'retry_initiate_interval',
  deleteRekeyedDelay: 'delete_rekeyed_delay',
  deleteRekeyed: 'delete_rekeyed',
  maxIkev1Exchanges: 'max_ikev1_exchanges',
  preferConfiguredProposals: 'prefer_configured_proposals',
  closeIkeOnChildFailure: 'close_ike_on_child_failure',
  spiMask: 'spi_mask',
  spiLabel: 'spi_label',
  reqidBase: 'reqid_base',
  replayWindow: 'replay_window',
  sendVendorId: 'send_vendor_id',
  ciscoFlexvpn: 'cisco_flexvpn',
  ciscoUnity: 'cisco_unity',
  acceptUnencryptedMainMode: 'accept_unencrypted_mainmode_messages',
  allowAggressivePsk: 'i_dont_care_about_security_and_use_aggressive_mode_psk',
  signatureAuthentication: 'signature_authentication',
  multipleAuthentication: 'multiple_authentication',
  ocspNonceLength: 'ocsp_nonce_len',
} as const satisfies Readonly<Record<string, keyof Charon>>;

type AsWritten = { readonly [K in keyof typeof AS_WRITTEN]?: NonNullable<Charon[(typeof AS_WRITTEN)[K]]> };

/** What a strongswan.conf sets of the engine: absent is what it does not speak of. */
export interface EngineKnobs extends AsWritten {
  readonly retransmitTimeout?: number;
  readonly cookieThreshold?: number;
  readonly cookieThresholdPerAddress?: number;
  readonly blockThreshold?: number;
  readonly halfOpenLimit?: number;
  readonly fragmentSize?: number;
  readonly useCrl?: boolean;
  readonly useOcsp?: boolean;
  readonly fetchTimeout?: number;
}

export function engineKnobs(values: Charon): EngineKnobs {
  const { retransmit_timeout: timeout, dos_protection: protects } = values;
  const knobs: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(Object.entries(AS_WRITTEN).map(([knob, key]) => [knob, values[key]])),
    retransmitTimeout: timeout === undefined ? undefined : Math.round(timeout * SECOND),
    cookieThreshold: protects ? values.cookie_threshold : NEVER,
    cookieThresholdPerAddress: protects ? values.cookie_threshold_ip : NEVER,
    blockThreshold: protects ? values.block_threshold : 0,
    halfOpenLimit: values.init_limit_half_open === 0 ? undefined : values.init_limit_half_open,
    fragmentSize: values.fragment_size === 0 ? undefined : values.fragment_size,
  };
  return Object.fromEntries(Object.entries(knobs).filter(([, value]) => value !== undefined));
}

/** As a threshold: more half-open SAs than there can be. */
const NEVER = Number.MAX_SAFE_INTEGER;
