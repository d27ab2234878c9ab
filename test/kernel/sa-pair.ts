import { Encr } from '../../src/iana/transforms.ts';
import { ip } from '../../src/lib/ip.ts';
import { UNLIMITED } from '../../src/policy/lifetimes.ts';
import type { IpsecAlgorithms, Path } from '../../src/policy/sa.ts';
import type { TrafficSelector } from '../../src/policy/traffic-selector.ts';
import type { KeylessSa } from './host.ts';

export const GCM: IpsecAlgorithms = {
  encryption: Encr.ENCR_AES_GCM_16,
  keyLength: 128,
  integrity: 0,
  esn: false,
};
export const NO_LIMITS = UNLIMITED;

/** The same SA as both hosts see it. */
export function pair(
  id: number,
  overrides: Partial<KeylessSa> = {},
  v6 = false,
): readonly [KeylessSa, KeylessSa] {
  const [one, two] = v6 ? ['2001:db8::1', '2001:db8::2'] : ['192.0.2.1', '192.0.2.2'];
  const path = overrides.path ?? pathOf(one as string, two as string);
  const a: KeylessSa = {
    id,
    name: `sa${id}`,
    protocol: 'esp',
    mode: 'tunnel',
    algorithms: GCM,
    spiIn: 0xd100_0000 + id,
    spiOut: 0xd200_0000 + id,
    seedIn: 2 * id,
    seedOut: 2 * id + 1,
    udpEncapsulation: false,
    localTs: [subnet('10.1.0.0', '10.1.255.255')],
    remoteTs: [subnet('10.2.0.0', '10.2.255.255')],
    replayWindow: 64,
    tfcPadding: 0,
    reqid: 1,
    lifetimes: NO_LIMITS,
    ...overrides,
    path,
  };
  const b: KeylessSa = {
    ...a,
    spiIn: a.spiOut,
    spiOut: a.spiIn,
    seedIn: a.seedOut,
    seedOut: a.seedIn,
    localTs: a.remoteTs,
    remoteTs: a.localTs,
    path: { local: path.remote, remote: path.local },
    ...(a.ipcomp && { ipcomp: { cpiIn: a.ipcomp.cpiOut, cpiOut: a.ipcomp.cpiIn } }),
  };
  return [a, b];
}

export function pathOf(local: string, remote: string, ports: readonly [number, number] = [4500, 4500]): Path {
  return { local: { address: ip(local), port: ports[0] }, remote: { address: ip(remote), port: ports[1] } };
}

export function subnet(
  start: string,
  end: string,
  protocol = 0,
  ports: readonly [number, number] = [0, 65535],
): TrafficSelector {
  return { start: ip(start), end: ip(end), protocol, startPort: ports[0], endPort: ports[1] };
}
