import type { Message } from '../../control/vici/message.ts';
import type { AuthMethodName, ChildConfig, Connection } from '../../policy/connection.ts';
import { formatIdentity } from '../../policy/identity.ts';
import { formatIdentityPattern } from '../../policy/identity-match.ts';
import { formatSelector } from '../../policy/selector-text.ts';

const VERSION = { 0: 'IKEv1/2', 1: 'IKEv1', 2: 'IKEv2' } as const;
const CLASS: Readonly<Record<AuthMethodName, string>> = {
  psk: 'pre-shared key',
  pubkey: 'public key',
  'pubkey-encryption': 'public key encryption',
  'pubkey-encryption-revised': 'revised public key encryption',
  eap: 'EAP',
  xauth: 'XAuth',
  never: 'any',
};
const UNIQUE = {
  never: 'UNIQUE_NEVER',
  no: 'UNIQUE_NO',
  keep: 'UNIQUE_KEEP',
  replace: 'UNIQUE_REPLACE',
} as const;

/** One `list-conn` event. `subjects` reads the subject out of a certificate in DER. */
export function listConn(connection: Connection, subjects: (der: Uint8Array) => string): Message {
  // Who is not named is who the certificate says.
  const subjectOf = ([first]: readonly Uint8Array[]) => (first === undefined ? undefined : subjects(first));
  const section: Record<string, Message[string]> = {
    local_addrs: connection.localAddresses.length === 0 ? ['%any'] : connection.localAddresses,
    remote_addrs: connection.remoteAddresses.length === 0 ? ['%any'] : connection.remoteAddresses,
    version: VERSION[connection.version],
    reauth_time: seconds(connection.reauthTime),
    rekey_time: seconds(connection.rekeyTime),
    unique: UNIQUE[connection.unique],
    ...ppkFields(connection.ppk),
    ...(connection.dpdDelay > 0 ? { dpd_delay: seconds(connection.dpdDelay) } : {}),
    ...(connection.dpdTimeout > 0 ? { dpd_timeout: seconds(connection.dpdTimeout) } : {}),
  };
  connection.local.forEach((auth, i) => {
    section[`local-${i + 1}`] = {
      ...named(auth.id === undefined ? subjectOf(auth.certificates) : formatIdentity(auth.id)),
      ...(auth.xauthId === undefined ? {} : { xauth_id: auth.xauthId }),
      class: CLASS[auth.method],
      groups: [],
      cert_policy: [],
      certs: auth.certificates.map(subjects),
      cacerts: [],
    };
  });
  connection.remote.forEach((auth, i) => {
    const id = formatIdentityPattern(auth.id);
    section[`remote-${i + 1}`] = {
      ...named(id === ANYBODY ? subjectOf(auth.certificates) : id),
      ...(auth.xauthId === undefined ? {} : { xauth_id: formatIdentityPattern(auth.xauthId) }),
      class: CLASS[auth.method],
      groups: [],
      cert_policy: auth.policies ?? [],
      certs: auth.certificates.map(subjects),
      cacerts: auth.authorities.map(subjects),
    };
  });
  section['children'] = Object.fromEntries(
    connection.children.map(child => [child.name, childSection(child)]),
  );
  return { [connection.name]: section };
}

function childSection(child: ChildConfig): Message {
  return {
    mode: child.mode.toUpperCase(),
    rekey_time: seconds(child.rekeyTime),
    rekey_bytes: String(child.rekeyBytes),
    rekey_packets: String(child.rekeyPackets),
    dpd_action: child.dpdAction.replace('clear', 'none').replace('restart', 'start'),
    close_action: child.closeAction,
    'local-ts': child.localTs.map(formatSelector),
    'remote-ts': child.remoteTs.map(formatSelector),
  };
}

const ANYBODY = '%any';

function ppkFields(ppk: Connection['ppk']): Message {
  return {
    ...(ppk?.id === undefined ? {} : { ppk_id: formatIdentityPattern(ppk.id) }),
    ...(ppk?.required === true ? { ppk_required: 'yes' } : {}),
  };
}

function named(id: string | undefined): Message {
  return id === undefined ? {} : { id };
}

function seconds(duration: number): string {
  return String(Math.floor(duration / 1000));
}
