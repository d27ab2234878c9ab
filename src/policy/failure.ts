/**
 * Why something did not come about, told so that a person can mend it (and a program can branch on `code`).
 * Codes are stable and grouped by blame: `peer/…`, `auth/…`, `config/…`, `kernel/…`, `local/…`.
 */
export interface Failure {
  readonly code: FailureCode;
  /** Which of several causes that share the code, in one word. */
  readonly reason?: string;
  /** One sentence naming the thing. */
  readonly summary: string;
  /** What this side has or allows, in the configuration's own words. */
  readonly ours?: readonly string[];
  /** What the peer offered or said. */
  readonly theirs?: readonly string[];
  /** `ours` and `theirs` are proposals, and of what. */
  readonly proposals?: 'ikev1' | 'ikev2' | 'esp' | 'ah';
  /** The pair that came closest to a match. */
  readonly nearest?: string;
  /** The one change that would have made it work, and on which side. */
  readonly remedy?: string;
  /** The notify that the peer sent or was sent, by its IANA name. */
  readonly notify?: string;
}

/** Every code there is, with what it means: docs/reference/failures.md is drawn from this table. */
export const FAILURES = {
  'peer/silent': 'no answer came, however often the request was sent',
  'peer/no-proposal-chosen': 'the two sides share no set of algorithms',
  'peer/invalid-ke': 'the two sides share no key exchange method',
  'peer/ts-unacceptable': 'the two sides share no traffic selectors',
  'peer/refused': 'the peer answered with an error that says no more',
  'peer/malformed': 'the peer sent what its protocol does not allow',
  'peer/critical-payload': 'the peer demands a payload type that is not known here',
  'peer/version': 'the peer speaks another major version',
  'peer/cookie-loop': 'the peer kept asking for cookies or other groups',
  'peer/temporary': 'the peer asked to try again later',
  'peer/child-not-found': 'the peer does not know the SA any more',
  'peer/deleted': 'the peer deleted the SA',
  'peer/no-additional-sas': 'the peer takes no further SAs',
  'peer/no-address': 'the peer has no virtual IP to give',
  'peer/address-not-asked': 'a virtual IP must be asked for, and was not',
  'peer/address-refused': 'the peer does not go on where we have moved to',
  'peer/address-changed': 'something on the way changes addresses that were to stay as they are',
  'peer/address-not-shown': 'the peer did not show that it receives where it says it is',
  'peer/dead': 'the peer no longer answers on an established SA',
  'auth/no-key': 'no key or certificate is configured for this pair of identities',
  'auth/wrong-key': 'the proof does not fit the key: the two sides hold different secrets',
  'auth/wrong-identity': 'the peer proved an identity other than the one configured',
  'auth/untrusted-chain': 'the certificate does not lead to a trusted authority',
  'auth/method': 'the peer authenticated in a way that is not allowed here',
  'auth/ppk': 'the two sides do not share a post-quantum pre-shared key that one of them requires',
  'auth/rounds': 'the peer goes through fewer or more rounds of authentication than are asked of it',
  'auth/refused-by-peer': 'the peer did not accept our proof of identity',
  'config/no-connection': 'no configured connection fits',
  'config/unknown-name': 'there is no connection or child of this name',
  'config/unknown-key': 'the configuration names a key that does not exist',
  'config/invalid-value': 'a configured value cannot be used',
  'config/address-not-allowed': 'a peer wants to be where the connection does not let it',
  'config/missing': 'the configuration lacks something it needs',
  'config/unreadable': 'a file cannot be read',
  'config/key-mismatch': 'a private key does not fit its certificate',
  'kernel/install': 'the IPsec back end refused an SA or policy',
  'kernel/expired': 'the IPsec back end let an SA expire',
  'local/port-in-use': 'another program holds the port',
  'local/no-privilege': 'a privilege is missing',
  'local/unsupported': 'this build or platform cannot do it',
  'local/address': 'there is no address to send from or to',
  'local/unreachable': 'what was to be fetched could not be had',
  'local/no-virtual-ip': 'no pool has a virtual IP to give',
  'local/half-open-limit': 'too many negotiations are under way',
  'local/expired': 'its lifetime ended before anything took its place',
  'local/duplicate': 'what was asked for is up already, and a second one would carry nothing more',
  'local/superseded': 'another negotiation took its place',
  'local/no-daemon': 'no daemon answers on the control socket',
  'local/usage': 'the command line is wrong',
  'local/stopped': 'stopped by the user or by shutdown',
  'local/internal': 'a defect of cygnet itself: please report it',
} as const;

export type FailureCode = keyof typeof FAILURES;

/** Carries a failure through code that throws. */
export class Failed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.summary);
    this.name = 'Failed';
    this.failure = failure;
  }
}
