import { pskAuth } from '../../crypto/keymat-v2.ts';
import { AuthMethod as AuthNumber, PayloadType } from '../../iana/ikev2.ts';
import { vouchFor } from '../../ike/verified-peer.ts';
import { constantTimeEqual } from '../../lib/bytes.ts';
import { findSharedKey, type SharedKey } from '../../policy/credentials.ts';
import { Failed } from '../../policy/failure.ts';
import { addressIdentity, formatIdentity, type Identity } from '../../policy/identity.ts';
import type { AuthMethod } from './method.ts';

/** Shared key (RFC 7296 §2.15): AUTH = prf(prf(secret, "Key Pad for IKEv2"), octets). */
export const psk: AuthMethod = {
  name: 'psk',
  numbers: [AuthNumber.SHARED_KEY_MIC],

  prepare({ host, local, prf, path, remoteId }) {
    const identity = local.id ?? addressIdentity(path.local.address);
    // An initiator may not know who will answer: then the address stands for it.
    const key =
      findSharedKey(host.credentials, identity, remoteId) ??
      findSharedKey(host.credentials, identity, addressIdentity(path.remote.address));
    if (key === undefined) throw noKey(identity, remoteId);
    return {
      identity,
      by: 'psk',
      certificates: [],
      sign: octets => ({
        type: PayloadType.AUTH,
        method: AuthNumber.SHARED_KEY_MIC,
        data: pskAuth({ prf, secret: key.secret.reveal(), signedOctets: octets }),
      }),
    };
  },

  verify({ host, prf, identity, localId, auth, octets }) {
    const key = findSharedKey(host.credentials, localId, identity);
    if (key === undefined) throw noKey(localId, identity);
    const expected = pskAuth({ prf, secret: key.secret.reveal(), signedOctets: octets });
    if (!constantTimeEqual(expected, auth.data)) throw wrongKey(key, identity);
    return vouchFor(identity, `psk ${key.name}`, key);
  },
};

function noKey(local: Identity, remote: Identity | undefined): Failed {
  const [ours, theirs] = [formatIdentity(local), remote === undefined ? 'the peer' : formatIdentity(remote)];
  return new Failed({
    code: 'auth/no-key',
    summary: `no shared key is configured for ${ours} and ${theirs}`,
    ours: [ours],
    theirs: [theirs],
    remedy: `add a secret whose identities include ${theirs}`,
  });
}

function wrongKey({ name }: SharedKey, identity: Identity): Failed {
  const peer = formatIdentity(identity);
  return new Failed({
    code: 'auth/wrong-key',
    summary: `${peer} holds another secret than ${name}`,
    ours: [name],
    theirs: [peer],
    nearest: `the identities fit the secret ${name}, its value does not`,
    remedy: `make the secret ${name} here and the one at ${peer} the same`,
  });
}
