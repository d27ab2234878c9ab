import { isDeepStrictEqual } from 'node:util';
import { type ManualSa, sameKeys } from '../policy/manual-sa.ts';
import { isSameManual } from './manual-sas.ts';
import type { Step } from './plan.ts';

/** What it means for manual SAs that `after` takes the place of `before`. */
export function manualPlan(before: readonly ManualSa[], after: readonly ManualSa[]): readonly Step[] {
  const step = (action: Step['action'], { name }: ManualSa, keys: readonly string[] = []): Step => ({
    action,
    connection: name,
    manual: true,
    keys,
    sas: [],
  });
  const changes = after.flatMap(sa => {
    const known = before.find(({ name }) => name === sa.name);
    if (known === undefined) return [step('add', sa)];
    return isSameManual(known, sa) ? [] : [step('replace', sa, differences(known, sa))];
  });
  const gone = before.filter(sa => !after.some(({ name }) => name === sa.name));
  return [...changes, ...gone.map(sa => step('drop', sa))];
}

/** Fields of the model by their keys in the configuration. */
const MANUAL_KEYS: Readonly<Record<keyof Omit<ManualSa, 'name'>, string>> = {
  protocol: 'esp, ah',
  proposal: 'algorithms',
  algorithms: 'algorithms',
  mode: 'mode',
  local: 'local_addr',
  remote: 'remote_addr',
  encap: 'encap',
  localPort: 'local_port',
  remotePort: 'remote_port',
  spiIn: 'spi_in',
  spiOut: 'spi_out',
  keysIn: 'keys in',
  keysOut: 'keys out',
  localTs: 'local_ts',
  remoteTs: 'remote_ts',
  replayWindow: 'replay_window',
  tfcPadding: 'tfc_padding',
  reqid: 'reqid',
  lifeTime: 'life_time',
  lifeBytes: 'life_bytes',
  lifePackets: 'life_packets',
  kernel: 'marks, if_id, priority, copy_…',
};

function differences(a: ManualSa, b: ManualSa): readonly string[] {
  const names = Object.entries(MANUAL_KEYS).filter(([field]) => {
    if (field === 'keysIn' || field === 'keysOut') return !sameKeys(a[field], b[field]);
    return !isDeepStrictEqual(a[field as keyof ManualSa], b[field as keyof ManualSa]);
  });
  return [...new Set(names.map(([, key]) => key))];
}
