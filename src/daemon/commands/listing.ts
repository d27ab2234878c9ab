import { type Message, saysYes, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { IkeSaStatus } from '../../ike/output.ts';
import { equal } from '../../lib/bytes.ts';
import { type Certificate, parseCertificate } from '../../pki/certificate.ts';
import type { ChildSaUsage } from '../../policy/sa.ts';
import { now } from '../clock.ts';
import type { Gateway } from '../gateway.ts';
import type { LiveConfiguration } from '../live-configuration.ts';
import type { ManualSas } from '../manual-sas.ts';
import type { SaTarget } from '../sa-target.ts';
import type { StandingPolicies } from '../standing-policies.ts';
import { targetOf } from './controlling.ts';
import { listConn } from './list-conns.ts';
import { listSa } from './list-sas.ts';
import { listManual } from './manual.ts';

export interface ListingSubjects {
  readonly gateway: Gateway;
  readonly live: LiveConfiguration;
  readonly policies: StandingPolicies;
  readonly manual: ManualSas;
  readonly provider: CryptoProvider;
}

/** The commands that stream what there is. */
export function listingCommands(subjects: ListingSubjects): Readonly<Record<string, Command>> {
  const { gateway, live, policies, manual, provider } = subjects;
  const subjectOf = (der: Uint8Array): string => parseCertificate(der, provider).subject.text;
  return {
    'list-sas': async (message, context) => {
      const target = targetOf(message);
      const found = gateway.status().filter(wanted(target));
      const usage = await usageOf(gateway, found);
      for (const ike of found) await context.emit('list-sa', listSa(withWanted(ike, target), usage, now()));
      for (const state of manual.list) {
        const { connection, child, ike, childId } = target;
        const named = [connection, child].every(name => name === undefined || name === state.sa.name);
        const numbered = [ike, childId].every(id => id === undefined || id === state.id);
        if (named && numbered) await context.emit('list-sa', await listManual(manual, state));
      }
      return {};
    },
    'list-conns': async (message, context) => {
      const name = textOf(message, 'ike');
      for (const connection of gateway.connections) {
        if (name === undefined || connection.name === name)
          await context.emit('list-conn', listConn(connection, subjectOf));
      }
      return {};
    },
    'list-policies': async (message, context) => {
      const [ike, child] = [textOf(message, 'ike'), textOf(message, 'child')];
      const kinds = (['trap', 'pass', 'drop'] as const).filter(kind => saysYes(message, kind));
      for (const policy of policies.list) {
        if (kinds.length > 0 && !kinds.includes(policy.kind)) continue;
        if (ike !== undefined && policy.connection !== ike) continue;
        if (child !== undefined && policy.child !== child) continue;
        await context.emit('list-policy', {
          [`${policy.connection}/${policy.child}`]: {
            child: policy.child,
            ike: policy.connection,
            mode: policy.mode.toUpperCase(),
            'local-ts': policy.localTs,
            'remote-ts': policy.remoteTs,
          },
        });
      }
      return {};
    },
    'list-certs': async (message, context) => {
      for (const certificate of certificates(message, subjects)) await context.emit('list-cert', certificate);
      return {};
    },
    'list-authorities': async (message, context) => {
      const wanted = textOf(message, 'name');
      for (const [name, authority] of live.authorities) {
        if (wanted !== undefined && name !== wanted) continue;
        const [cacert] = authority.certificates;
        await context.emit('list-authority', {
          [name]: {
            ...(cacert === undefined ? {} : { cacert: subjectOf(cacert) }),
            ...(authority.crlUris.length === 0 ? {} : { crl_uris: authority.crlUris }),
            ...(authority.ocspUris.length === 0 ? {} : { ocsp_uris: authority.ocspUris }),
            ...(authority.certUriBase === undefined ? {} : { cert_uri_base: authority.certUriBase }),
          },
        });
      }
      return {};
    },
  };
}

/** As in charon the name or number of a child says which children are listed, not of which IKE SAs. */
function wanted(target: SaTarget): (ike: IkeSaStatus) => boolean {
  return ike =>
    (target.connection === undefined || ike.connection === target.connection) &&
    (target.ike === undefined || ike.id === target.ike);
}

/** Where children are asked for, others are not listed. */
function withWanted(ike: IkeSaStatus, { child, childId }: SaTarget): IkeSaStatus {
  if (child === undefined && childId === undefined) return ike;
  return {
    ...ike,
    children: ike.children.filter(
      ({ id, name }) => (child === undefined || name === child) && (childId === undefined || id === childId),
    ),
  };
}

async function usageOf(
  gateway: Gateway,
  ikes: readonly IkeSaStatus[],
): Promise<ReadonlyMap<number, ChildSaUsage>> {
  const pairs = await Promise.all(
    ikes.flatMap(({ children }) =>
      children.map(async child => [child.id, await gateway.usage(child.id)] as const),
    ),
  );
  return new Map(pairs.filter((pair): pair is [number, ChildSaUsage] => pair[1] !== undefined));
}

/** The certificates in force that a request asks for, end entities first; then the revocation lists. */
function* certificates(message: Message, { gateway, live, provider }: ListingSubjects): Generator<Message> {
  const type = textOf(message, 'type')?.toUpperCase() ?? 'ANY';
  const flag = textOf(message, 'flag')?.toUpperCase() ?? 'ANY';
  const subject = textOf(message, 'subject');
  const { credentials } = live;
  const has = (certificate: Certificate): boolean =>
    credentials.privateKeys.some(key => equal(key.publicKey.spki, certificate.publicKey.spki));
  const lists = [
    ['NONE', credentials.certificates],
    ['CA', credentials.authorities],
  ] as const;
  for (const [kind, ders] of lists) {
    if ((type !== 'ANY' && type !== 'X509') || (flag !== 'ANY' && flag !== kind)) continue;
    for (const der of ders) {
      const certificate = parseCertificate(der, provider);
      if (subject !== undefined && certificate.subject.text !== subject) continue;
      yield {
        type: 'X509',
        flag: kind,
        ...(has(certificate) ? { has_privkey: 'yes' } : {}),
        data: der,
      };
    }
  }
  if (subject !== undefined || flag === 'CA') return;
  const fetched = gateway.statuses.fetched(now());
  const others = [
    ['X509_CRL', [...credentials.crls, ...fetched.crls]],
    ['OCSP_RESPONSE', fetched.ocsp],
  ] as const;
  for (const [kind, ders] of others) {
    if (type === 'ANY' || type === kind)
      for (const der of ders) yield { type: kind, flag: 'NONE', data: der };
  }
}
