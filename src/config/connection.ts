import type { Connection } from '../policy/connection.ts';
import type { IdentityPattern } from '../policy/identity.ts';
import { localRounds, type ReadingContext, remoteRounds } from './authentication.ts';
import { childFrom, warnOfWeakness } from './child.ts';
import { ikeInterfacesFrom } from './child-kernel.ts';
import { checkContradictions } from './contradictions.ts';
import { checkDss } from './dss.ts';
import { checkEncryption } from './encryption.ts';
import { newGroupFrom } from './new-group.ts';
import { CONNECTION, CONNECTION_SECTIONS } from './schema/connection.ts';
import { checkSections, readSection } from './schema.ts';
import type { Section } from './section.ts';
import { time } from './value-types.ts';
import { tellOtherVersion } from './version.ts';
import { checkXauth } from './xauth.ts';

/**
 * The connection that a section describes, wherever the section came from. What is wrong is reported to the
 * context; what is returned is complete only when nothing was.
 */
export function connectionFrom(section: Section, context: ReadingContext): Connection {
  const { report } = context;
  const values = readSection(section, CONNECTION, report);
  checkSections(section, isConnectionSection, CONNECTION_SECTIONS, report);
  checkName(section, 'connection', context);
  const proposals = values.proposals.flat();
  warnOfWeakness(section.settings.get('proposals'), proposals, report);
  const children = section.sections.get('children');
  for (const setting of children?.settings.values() ?? []) {
    report.fail(
      'config/unknown-key',
      setting.at,
      `"${setting.key}" stands outside of any child`,
      'put it into a section with the name of a child',
    );
  }
  const childSections = [...(children?.sections.values() ?? [])];
  for (const child of childSections) checkName(child, 'child', context);
  const version = Number(values.version) as 0 | 1 | 2;
  const local = localRounds(section, context);
  const remote = remoteRounds(section, context);
  checkXauth(section, { version, local, remote }, report);
  checkEncryption(section, { version, local, remote }, context);
  tellOtherVersion(section, version, values, report);
  checkDss(section, { version, local, remote }, report);
  const connection: Connection = {
    name: section.name,
    version,
    localAddresses: values.local_addrs,
    remoteAddresses: values.remote_addrs,
    localPort: values.local_port,
    remotePort: values.remote_port,
    proposals,
    local,
    remote,
    children: childSections.map(child => childFrom(child, values, report)),
    encap: values.encap,
    fragmentation: values.fragmentation,
    mobike: values.mobike,
    ...(values.dscp > 0 && { dscp: values.dscp }),
    tcp: values.tcp,
    childless: values.childless,
    sendCertreq: values.send_certreq,
    sendCert: values.send_cert,
    ...(values.ocsp !== 'reply' && { ocsp: values.ocsp }),
    unique: values.unique,
    keyingTries: values.keyingtries,
    dpdDelay: values.dpd_delay,
    dpdTimeout: values.dpd_timeout,
    ...lifetimesFrom(values),
    aggressive: values.aggressive,
    ...newGroupFrom(section, values.new_group, version, context),
    pull: values.pull,
    vips: values.vips,
    pools: values.pools,
    ...ppkFrom(values.ppk_id, values.ppk_required),
    ...ikeInterfacesFrom(values),
  };
  checkContradictions(section, connection, report);
  return connection;
}

function isConnectionSection(name: string): boolean {
  return name === 'children' || name.startsWith('local') || name.startsWith('remote');
}

/** Names travel in control messages, where they have 255 octets at most, and are printed. */
function checkName(section: Section, what: string, { report }: ReadingContext): void {
  if (Buffer.byteLength(section.name) > 255 || /[\p{Cc}/]/u.test(section.name)) {
    report.fail(
      'config/invalid-value',
      section.at,
      `the name of this ${what} cannot be used`,
      'use at most 255 letters, digits, - and _, without /',
    );
  }
}

function ppkFrom(id: IdentityPattern | undefined, required: boolean): Pick<Connection, 'ppk'> {
  if (id === undefined && !required) return {};
  return { ppk: { ...(id === undefined ? {} : { id }), required } };
}

type Lifetimes = Pick<Connection, 'rekeyTime' | 'reauthTime' | 'overTime' | 'randTime'>;

/** What is not given follows from what is, as charon has it. */
function lifetimesFrom(values: {
  readonly rekey_time: number | undefined;
  readonly reauth_time: number;
  readonly over_time: number | undefined;
  readonly rand_time: number | undefined;
}): Lifetimes {
  const reauthTime = values.reauth_time;
  const rekeyTime = values.rekey_time ?? (reauthTime > 0 ? 0 : time.read('4h'));
  const overTime = values.over_time ?? Math.round(Math.max(rekeyTime, reauthTime) / 10);
  const shortest = Math.min(...[rekeyTime, reauthTime].filter(span => span > 0));
  const half = Number.isFinite(shortest) ? Math.floor(shortest / 2) : 0;
  return { rekeyTime, reauthTime, overTime, randTime: values.rand_time ?? Math.min(overTime, half) };
}
