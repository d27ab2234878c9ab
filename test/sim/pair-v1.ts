import { parseProposals } from '../../src/crypto/proposal.ts';
import type { ChildConfig, Connection } from '../../src/policy/connection.ts';
import { child } from './configuration.ts';
import { connected, type Pair, type PairOptions, pair } from './pair.ts';

/** What a connection of IKEv1 has that differs: the version, and algorithms that it has numbers for. */
export const V1: Partial<Connection> = {
  version: 1,
  proposals: parseProposals('aes128-sha256-ecp256', 'ike'),
};

/** A child of IKEv1 between two networks. */
export function childV1(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return child({ proposals: parseProposals('aes128gcm16', 'esp'), ...overrides });
}

/** As `pair`, of IKEv1. */
export function pairV1(options: PairOptions = {}): Pair {
  return pair(withV1(options));
}

/** As `connected`, of IKEv1. */
export function connectedV1(options: PairOptions = {}): Pair {
  return connected(withV1(options));
}

function withV1(options: PairOptions): PairOptions {
  return { children: [childV1()], ...options, both: { ...V1, ...options.both } };
}
