import type { IkeInterfaces, IkeUnique, KernelConfig, Unique } from '../policy/kernel-config.ts';
import { isUnique } from '../policy/kernel-config.ts';
import type { Report } from './report.ts';
import type { CHILD } from './schema/child.ts';
import type { Values } from './schema.ts';
import type { Section } from './section.ts';

type ChildValues = Values<typeof CHILD>;

/** What SAs that were not negotiated have of it too. */
type CommonValues = Pick<
  ChildValues,
  | 'mark_in'
  | 'mark_out'
  | 'mark_in_sa'
  | 'set_mark_in'
  | 'set_mark_out'
  | 'if_id_in'
  | 'if_id_out'
  | 'priority'
  | 'policies'
  | 'copy_df'
  | 'copy_ecn'
  | 'copy_dscp'
  | 'icmp'
>;

/** What a connection says of the XFRM interfaces of all its children; 0: nothing. */
export interface InterfacesOfIke {
  readonly if_id_in: number | Unique;
  readonly if_id_out: number | Unique;
}

/** What of a child only the kernel can heed, and where it contradicts itself. Nothing at all where nothing differs from how an SA is without it. */
export function childKernelFrom(
  section: Section,
  values: ChildValues,
  ofIke: InterfacesOfIke,
  report: Report,
): { readonly kernel?: KernelConfig } {
  const kernel: KernelConfig = {
    ...kernelFrom(values).kernel,
    ...interfacesFrom(values, ofIke),
    ...tunnelInterfaceFrom(values),
    ...(values.interface !== undefined && { device: values.interface }),
    ...(values.policies_fwd_out && { forwardOut: true }),
    ...(values.hw_offload !== 'no' && { offload: values.hw_offload }),
  };
  checkUnique(section, values, kernel, report);
  checkTunnelInterface(section, values, kernel, report);
  return Object.keys(kernel).length === 0 ? {} : { kernel };
}

/** What is the same for SAs that were not negotiated; nothing at all where nothing differs from how an SA is without it. */
export function kernelFrom(values: CommonValues): { readonly kernel?: KernelConfig } {
  const kernel: KernelConfig = {
    ...(values.mark_in !== undefined && { markIn: values.mark_in }),
    ...(values.mark_out !== undefined && { markOut: values.mark_out }),
    ...(values.mark_in_sa && { markInSa: true }),
    ...(values.set_mark_in !== undefined && { setMarkIn: values.set_mark_in }),
    ...(values.set_mark_out !== undefined && { setMarkOut: values.set_mark_out }),
    ...(values.if_id_in !== 0 && { interfaceIn: values.if_id_in }),
    ...(values.if_id_out !== 0 && { interfaceOut: values.if_id_out }),
    ...(values.priority !== 0 && { priority: values.priority }),
    ...(!values.policies && { policies: false }),
    ...(!values.copy_df && { copyDf: false }),
    ...(!values.copy_ecn && { copyEcn: false }),
    ...(values.copy_dscp !== 'out' && { copyDscp: values.copy_dscp }),
    ...(values.icmp && { icmpErrors: true }),
  };
  return Object.keys(kernel).length === 0 ? {} : { kernel };
}

function interfacesFrom(
  values: ChildValues,
  ofIke: InterfacesOfIke,
): Pick<KernelConfig, 'interfaceIn' | 'interfaceOut'> {
  const interfaceIn = inherited(values.if_id_in, ofIke.if_id_in);
  const interfaceOut = inherited(values.if_id_out, ofIke.if_id_out);
  return {
    ...(interfaceIn !== 0 && { interfaceIn }),
    ...(interfaceOut !== 0 && { interfaceOut }),
  };
}

/** What the IKE SA itself has of them. */
export function ikeInterfacesFrom({ if_id_in, if_id_out }: InterfacesOfIke): {
  readonly interfaces?: IkeInterfaces;
} {
  if (if_id_in === 0 && if_id_out === 0) return {};
  return {
    interfaces: {
      ...(if_id_in !== 0 && { interfaceIn: ofIkeSa(if_id_in) }),
      ...(if_id_out !== 0 && { interfaceOut: ofIkeSa(if_id_out) }),
    },
  };
}

function inherited(own: number | Unique, ofIke: number | Unique): number | Unique | IkeUnique {
  return own === 0 ? ofIkeSa(ofIke) : own;
}

function ofIkeSa(value: number | Unique): number | IkeUnique {
  if (typeof value === 'number') return value;
  return value === 'unique' ? 'unique-ike' : 'unique-ike-dir';
}

/** A number that each SA has for itself does not exist before there is an SA. */
function checkUnique(section: Section, values: ChildValues, kernel: KernelConfig, report: Report): void {
  if (!isUnique(kernel)) return;
  const traps = (['start_action', 'close_action', 'dpd_action'] as const).filter(key =>
    values[key].includes('trap'),
  );
  const policies = values.mode === 'pass' || values.mode === 'drop' ? (['mode'] as const) : [];
  for (const key of [...traps, ...policies]) {
    report.fail(
      'config/invalid-value',
      (section.settings.get(key) ?? section).at,
      `child "${section.name}" would have a policy before it has an SA, but its marks or interfaces are %unique, which only an SA has`,
      key === 'mode'
        ? 'give marks and if_ids as numbers, or leave them out'
        : `give marks and if_ids as numbers, or leave trap out of ${key}`,
    );
  }
}

function tunnelInterfaceFrom(values: ChildValues): Pick<KernelConfig, 'tunnelInterface'> {
  const { xfrm_interface, vti, interface_routes: routes } = values;
  if (xfrm_interface !== undefined)
    return { tunnelInterface: { kind: 'xfrm', name: xfrm_interface, routes } };
  return vti === undefined ? {} : { tunnelInterface: { kind: 'vti', name: vti, routes } };
}

/** An interface has one number in each direction, and needs to know it. */
function checkTunnelInterface(
  section: Section,
  values: ChildValues,
  { tunnelInterface, interfaceIn, interfaceOut, markIn, markOut }: KernelConfig,
  report: Report,
): void {
  const fail = (key: string, summary: string, remedy: string): void =>
    report.fail(
      'config/invalid-value',
      (section.settings.get(key) ?? section).at,
      `child "${section.name}" ${summary}`,
      remedy,
    );
  if (values.xfrm_interface !== undefined && values.vti !== undefined)
    fail('vti', 'names an XFRM interface and a VTI', 'give either xfrm_interface or vti');
  if (tunnelInterface === undefined) {
    if (values.interface_routes)
      fail('interface_routes', 'has no interface to make routes through', 'give xfrm_interface or vti');
    return;
  }
  if (tunnelInterface.kind === 'xfrm') {
    if (typeof interfaceIn !== 'number' || interfaceIn !== interfaceOut)
      fail(
        'xfrm_interface',
        'names an XFRM interface but no number of it that is the same in both directions',
        'set if_id_in and if_id_out to one number other than 0',
      );
    return;
  }
  if (values.mode === 'transport')
    fail('mode', 'names a VTI, which carries tunnels alone', 'set mode = tunnel');
  const marks = [markIn?.value, markOut?.value];
  if (marks.some(mark => typeof mark !== 'number' || mark === 0))
    fail('vti', 'names a VTI but not its keys', 'set mark_in and mark_out to numbers other than 0');
}
