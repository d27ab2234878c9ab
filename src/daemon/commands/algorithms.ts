import type { Message } from '../../control/vici/message.ts';
import { encryptionName, integrityName, keyExchangeName, prfName } from '../../crypto/algorithm-names.ts';
import { ENCRYPTION } from '../../crypto/encr/registry.ts';
import { INTEGRITY } from '../../crypto/integ/registry.ts';
import { KEY_EXCHANGES } from '../../crypto/ke/registry.ts';
import { PRFS } from '../../crypto/prf/registry.ts';

const PLUGIN = 'cygnet';

/** All algorithms that can be configured, by kind, under the names that swanctl prints. */
export function algorithms(): Message {
  return {
    encryption: named(
      ENCRYPTION.filter(({ icv }) => icv === 0),
      encryptionName,
    ),
    integrity: named(INTEGRITY, integrityName),
    aead: named(
      ENCRYPTION.filter(({ icv }) => icv > 0),
      encryptionName,
    ),
    hasher: Object.fromEntries(
      ['SHA1', 'SHA2_256', 'SHA2_384', 'SHA2_512', 'IDENTITY'].map(name => [`HASH_${name}`, PLUGIN]),
    ),
    prf: named(PRFS, prfName),
    dh: named(KEY_EXCHANGES, keyExchangeName),
  };
}

function named(rows: readonly { readonly id: number }[], nameOf: (id: number) => string): Message {
  return Object.fromEntries(rows.map(({ id }) => [nameOf(id), PLUGIN]));
}
