import { isV4 } from '../lib/ip.ts';
import type { ChildConfig, ConfiguredSelector, Connection } from '../policy/connection.ts';
import type { Report } from './report.ts';
import type { Position, Section } from './section.ts';
import { parseRange } from './value-types.ts';

/** Settings of one connection that each could stand, but not together. */
export function checkContradictions(section: Section, connection: Connection, report: Report): void {
  const children = section.sections.get('children')?.sections;
  for (const child of connection.children) {
    const inner = children?.get(child.name);
    if (inner !== undefined) checkChild(inner, child, connection, report);
  }
}

function checkChild(section: Section, child: ChildConfig, connection: Connection, report: Report): void {
  const at = (key: string): Position => section.settings.get(key)?.at ?? section.at;
  const { name, mode, startAction } = child;
  const isShunt = mode === 'pass' || mode === 'drop';
  if (isShunt && startAction === 'none') {
    report.warn(
      at('mode'),
      `child "${name}" is put in by nobody: start_action is none`,
      'set start_action = trap, or put it in with swanctl --install',
    );
  }
  if (!isShunt && startAction !== 'none' && !namesSomebody(connection)) {
    report.warn(
      at('start_action'),
      `child "${name}" cannot be started: remote_addrs names nobody to call`,
      'name an address or host in remote_addrs, or leave start_action to the peer',
    );
  }
  if (!isShunt && apart(child.localTs, child.remoteTs)) {
    report.warn(
      at('remote_ts'),
      `child "${name}" has local_ts and remote_ts of different IP versions, which no packet has`,
    );
  }
  if (child.tfcPadding > 0 && (mode !== 'tunnel' || child.protocol === 'ah'))
    report.warn(at('tfc_padding'), 'tfc_padding has no effect but on ESP in tunnel mode (RFC 4303 §2.7)');
  checkLimit(section, 'bytes', child.rekeyBytes, child.lifeBytes, report);
  checkLimit(section, 'packets', child.rekeyPackets, child.lifePackets, report);
}

/** Whether there is a single address or a name among those of the peer. */
function namesSomebody({ remoteAddresses }: Connection): boolean {
  return remoteAddresses.some(text => {
    if (text.startsWith('%any')) return false;
    const range = parseRange(text);
    return range === undefined || (range.prefix === undefined && !text.includes('-'));
  });
}

function apart(local: readonly ConfiguredSelector[], remote: readonly ConfiguredSelector[]): boolean {
  const versions = (selectors: readonly ConfiguredSelector[]): readonly (boolean | undefined)[] =>
    selectors.map(selector => ('dynamic' in selector ? undefined : isV4(selector.start)));
  const others = versions(remote);
  return !versions(local).some(
    one => one === undefined || others.includes(undefined) || others.includes(one),
  );
}

function checkLimit(
  section: Section,
  unit: 'bytes' | 'packets',
  rekey: bigint,
  life: bigint,
  report: Report,
): void {
  if (life === 0n || rekey === 0n || life > rekey) return;
  const setting = section.settings.get(`life_${unit}`) ?? section.settings.get(`rekey_${unit}`);
  report.fail(
    'config/invalid-value',
    setting?.at ?? section.at,
    `child "${section.name}" would end before its keys are replaced`,
    `let life_${unit} be more than rekey_${unit}`,
  );
}
