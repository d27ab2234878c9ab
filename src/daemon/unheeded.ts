import type { UdpTransport } from '../net/transport.ts';
import type { Connection } from '../policy/connection.ts';
import type { KernelConfig } from '../policy/kernel-config.ts';
import type { BackendFeatures, KernelOptions } from '../policy/sa.ts';
import { portFault } from './local-port.ts';

/** What only the kernel's own IPsec can heed, by the keys that set it; what it leaves undone elsewhere. */
const OPTIONS: Readonly<Record<keyof KernelOptions, readonly [key: string, harmless: boolean]>> = {
  priority: ['priority', true],
  copyDf: ['copy_df', true],
  copyEcn: ['copy_ecn', true],
  copyDscp: ['copy_dscp', true],
  icmpErrors: ['icmp', true],
  policies: ['policies', false],
  markIn: ['mark_in', false],
  markInSa: ['mark_in_sa', false],
  markOut: ['mark_out', false],
  setMarkIn: ['set_mark_in', false],
  setMarkOut: ['set_mark_out', false],
  interfaceIn: ['if_id_in', false],
  interfaceOut: ['if_id_out', false],
  tunnelInterface: ['xfrm_interface or vti', false],
  device: ['interface', false],
  forwardOut: ['policies_fwd_out', true],
  offload: ['hw_offload', false],
};

/** Whether an SA would carry other traffic than was asked for where these are not heeded. */
export function needsKernel(kernel: KernelOptions): boolean {
  return Object.entries(OPTIONS).some(
    ([field, [, harmless]]) => !harmless && isAsked(kernel, field as keyof KernelOptions),
  );
}

/** One sentence for each thing that `connections` and their children ask of a back end with `features` in vain. */
function unheeded(
  connections: readonly Connection[],
  { name, features }: { readonly name: string; readonly features: BackendFeatures },
): readonly string[] {
  return connections.flatMap(connection => [
    ...(connection.tcp === 'no' || features.tcp === true ? [] : [withoutTcp(connection, name)]),
    ...connection.children.flatMap(child => {
      const of = `${connection.name}/${child.name}`;
      const found: string[] = [];
      const { mode, protocol, kernel } = child;
      const isShunt = mode === 'pass' || mode === 'drop';
      if (!isShunt && !features.modes.includes(mode))
        found.push(`${of} cannot come up: ${mode} mode is not to be had with the ${name} back end`);
      if (!isShunt && !features.protocols.includes(protocol))
        found.push(
          `${of} cannot come up: ${protocol.toUpperCase()} is not to be had with the ${name} back end`,
        );
      if (child.ipcomp === true && features.ipcomp !== true)
        found.push(`ipcomp of ${of} has no effect with the ${name} back end`);
      const heeded = features.kernelOptions ?? [];
      if (heeded === true || kernel === undefined) return found;
      const keys = (harmless: boolean): string =>
        Object.entries(OPTIONS)
          .filter(([field, row]) => row[1] === harmless && !heeded.some(known => known === field))
          .filter(([field]) => isAsked(kernel, field as keyof KernelOptions))
          .map(([, [key]]) => key)
          .join(', ');
      const [idle, needed] = [keys(true), keys(false)];
      if (idle !== '') found.push(`${idle} of ${of} has no effect with the ${name} back end`);
      if (needed !== '') found.push(`${of} cannot come up: the ${name} back end has no ${needed}`);
      return found;
    }),
  ]);
}

function withoutTcp({ name, tcp }: Connection, backEnd: string): string {
  return tcp === 'yes'
    ? `${name} cannot come up: the ${backEnd} back end carries no ESP over TCP here`
    : `tcp of ${name} has no effect: the ${backEnd} back end carries no ESP over TCP here`;
}

/** Without a card that helps, the processor does the work. */
function isAsked(kernel: KernelConfig | KernelOptions, field: keyof KernelOptions): boolean {
  return kernel[field] !== undefined && !(field === 'offload' && kernel.offload === 'auto');
}

/** What a connection itself asks of its transport in vain. */
function unsent(connection: Connection, transport: Carrier): readonly string[] {
  const { name, dscp, tcp } = connection;
  const fault = portFault(connection, transport);
  return [
    ...(fault === undefined ? [] : [`${fault.summary}; ${fault.remedy}`]),
    ...(dscp !== undefined && transport.name !== 'sys'
      ? [`dscp of ${name} has no effect: the portable transport cannot set it`]
      : []),
    ...(dscp !== undefined && tcp !== 'no' ? [`dscp of ${name} has no effect on messages over TCP`] : []),
  ];
}

type Carrier = Pick<UdpTransport, 'name' | 'port' | 'natPort'>;

/** Tells of what connections ask in vain, each thing once while the daemon runs. */
export function unheededTeller(
  backend: { readonly name: string; readonly features: BackendFeatures },
  transport: Carrier,
  tell: (text: string) => void,
): (connections: readonly Connection[]) => void {
  const told = new Set<string>();
  return connections => {
    const asked = connections.flatMap(connection => unsent(connection, transport));
    for (const text of [...asked, ...unheeded(connections, backend)]) {
      if (told.has(text)) continue;
      told.add(text);
      tell(text);
    }
  };
}
