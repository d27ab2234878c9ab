import { groupFault, type ModpGroup } from '../crypto/ke/private-group.ts';
import { readDhParameters } from '../pki/dh-parameters.ts';
import type { Connection } from '../policy/connection.ts';
import { type BlobSource, obtain, readable } from './blobs.ts';
import type { Report } from './report.ts';
import type { Section } from './section.ts';

interface Context {
  readonly report: Report;
  readonly blobs: BlobSource;
}

/** What `new_group` says: nothing, that groups of the peer are taken, or the file of the group that is proposed to it. */
export function newGroupFrom(
  section: Section,
  value: string,
  version: 0 | 1 | 2,
  { report, blobs }: Context,
): Pick<Connection, 'newGroup'> {
  const setting = section.settings.get('new_group');
  if (setting === undefined || value === 'no') return {};
  const at = setting.valueAt;
  if (version !== 1)
    report.fail('local/unsupported', at, 'new group mode belongs to IKEv1 alone', 'set version = 1');
  if (value === 'accept') return { newGroup: value };
  const item = { text: value, at };
  const blob = obtain(item, 'pubkey', () => blobs.readFile(item, 'pubkey'), report);
  if (blob === undefined) return {};
  const [group] = readable(blob.name, 'group', at, report, (): readonly ModpGroup[] => [
    readDhParameters(blob.octets),
  ]);
  if (group === undefined) return {};
  const fault = groupFault(group);
  if (fault !== undefined)
    report.fail(
      'config/invalid-value',
      at,
      `no peer should take the group of "${blob.name}": ${fault}`,
      'make one with openssl dhparam 3072, which takes its time',
    );
  return { newGroup: group };
}
