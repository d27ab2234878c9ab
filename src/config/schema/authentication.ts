import { authenticationMethod } from '../authentication-method.ts';
import { identity, identityPattern, objectIdentifier } from '../policy-types.ts';
import { heedingNot, ignored, list, maybe, one, refused, type Support } from '../schema.ts';
import { choice, integer, text } from '../value-types.ts';

const round = one(integer(0, 0xffff), '0', 'Order of the round; equal ones go by their place.');

/** Methods of authentication that are not there yet. */
export const METHOD_SUPPORT: Readonly<Record<string, Exclude<Support, 'yes'>>> = {
  eap: 'refused',
  never: 'refused',
};

/** `connections.<name>.local<suffix>` */
export const LOCAL = {
  round,
  auth: heedingNot(one(authenticationMethod, 'pubkey', 'How this side proves who it is.'), METHOD_SUPPORT),
  id: maybe(identity, 'the subject of the certificate, or the address', 'Who this side says it is.'),
  certs: list(
    text,
    '',
    'Certificates to use: files, in x509 unless with a path. What follows the first in a file is its chain.',
  ),
  pubkeys: list(text, '', 'Raw public keys to use: files, in pubkey unless with a path.'),
  eap_id: refused(maybe(identity, 'id', 'Identity for EAP.')),
  aaa_id: refused(maybe(identity, 'the peer’s id', 'Identity that the server proves within EAP.')),
  xauth_id: maybe(
    text,
    'id',
    'User name for XAUTH of IKEv1: the round with `auth = xauth`, the second, or the only one (hybrid).',
  ),
};

/** `connections.<name>.remote<suffix>` */
export const REMOTE = {
  round,
  auth: heedingNot(one(authenticationMethod, 'pubkey', 'How the peer must prove who it is.'), METHOD_SUPPORT),
  id: one(
    identityPattern,
    '%any',
    'Who the peer must be; * stands for anything, ^…$ is a regular expression.',
  ),
  certs: list(text, '', 'The peer must have one of these certificates: files, in x509 unless with a path.'),
  cacerts: list(
    text,
    '',
    'The chain of the peer must contain one of these authorities: files, in x509ca unless with a path.',
  ),
  ca_id: maybe(
    identityPattern,
    'any',
    'Identity that an authority in the chain of the peer must have, by its subject or another name in its certificate. With cacerts one of the two is enough.',
  ),
  pubkeys: list(
    text,
    '',
    'The peer must have one of these raw public keys: files, in pubkey unless with a path.',
  ),
  eap_id: refused(maybe(identityPattern, 'id', 'Identity that the peer must prove in EAP.')),
  xauth_id: maybe(
    identityPattern,
    'any',
    'User name that the peer must prove in XAUTH of IKEv1; * stands for anything.',
  ),
  groups: refused(list(text, '', 'The peer must belong to one of these groups.')),
  cert_policy: list(
    objectIdentifier,
    '',
    'Policies that the certificate must be issued under, all of them, with the consent of every authority in the chain: dotted numbers.',
  ),
  revocation: one(
    choice(['strict', 'ifuri', 'relaxed']),
    'relaxed',
    'Without word on revocation: refuse the certificate, refuse it if it names a list, or accept it.',
  ),
};

/** `cert<suffix>` and `cacert<suffix>` in both */
export const CERTIFICATE = {
  file: maybe(text, 'none', 'File of the certificate.'),
  handle: refused(maybe(text, 'none', 'CKA_ID on a token, hexadecimal.')),
  slot: ignored(maybe(integer(0, 0xffffffff), 'any', 'Slot of the token.')),
  module: ignored(maybe(text, 'any', 'PKCS #11 module of the token.')),
};
