import { identity } from '../policy-types.ts';
import { ignored, list, maybe, one } from '../schema.ts';
import { secret, text } from '../value-types.ts';

/** `secrets.ike<suffix>`, `eap`, `xauth`, `ntlm`, `ppk`; the key is theirs who stand in `id<suffix>`. */
export const SHARED_SECRET = {
  secret: maybe(secret, 'none: it must be given', 'The secret.'),
};

/** Each `id<suffix>` of a shared secret. */
export const OWNER = maybe(
  identity,
  'everybody',
  'Who the secret belongs to, one identity in each key that begins with id.',
);

/** `secrets.private<suffix>`, `rsa`, `ecdsa`, `pkcs8`, `pkcs12` */
export const PASSPHRASE = {
  file: maybe(
    text,
    'none: it must be given',
    'File in the folder of the same name that this passphrase decrypts.',
  ),
  secret: maybe(secret, 'none: it must be given', 'The passphrase.'),
};

/** `secrets.token<suffix>` */
export const TOKEN = {
  handle: maybe(text, 'none', 'CKA_ID on the token, hexadecimal.'),
  slot: maybe(text, 'any', 'Slot of the token.'),
  module: maybe(text, 'any', 'PKCS #11 module of the token.'),
  pin: maybe(secret, 'none', 'PIN of the token.'),
};

/** `authorities.<name>` */
export const AUTHORITY = {
  cacert: maybe(
    text,
    'none: it must be given',
    'Certificate of the authority: a file in x509ca unless with a path.',
  ),
  file: maybe(text, 'none', 'Certificate of the authority: a file.'),
  handle: maybe(text, 'none', 'CKA_ID of the certificate on a token, hexadecimal.'),
  slot: ignored(maybe(text, 'any', 'Slot of the token.')),
  module: ignored(maybe(text, 'any', 'PKCS #11 module of the token.')),
  crl_uris: list(
    text,
    '',
    'Where its revocation lists can be had: `http:`, `https:` or `file:`. They are asked before those that certificates name.',
  ),
  ocsp_uris: list(text, '', 'Where it answers OCSP requests: `http:` or `https:`.'),
  cert_uri_base: ignored(one(text, 'none', 'Where its certificates can be had by their hash.')),
};
