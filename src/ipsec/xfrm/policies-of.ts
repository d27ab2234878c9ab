import type { ChildSaParameters, IpsecMode, StandingPolicy } from '../../policy/sa.ts';
import type { PolicyAction, PolicyTemplate } from './policy.ts';
import type { WantedPolicy } from './policy-table.ts';
import { type PolicyClass, priorityOf } from './priority.ts';
import { type KernelSelector, kernelSelectors, reversed } from './selector.ts';

/**
 * The policies of an SA on the way in. What is meant for others goes through the forward direction; in transport mode
 * there is no such. Any SA of the reqid will do, so that packets of a replaced SA still get in.
 */
export function inboundPolicies(sa: ChildSaParameters): readonly WantedPolicy[] {
  const { path, mode, kernel } = sa;
  const templates = templatesOf(sa, {
    spi: 0,
    cpi: 0,
    // What would not have become smaller comes uncompressed (RFC 3173 §2.2).
    optional: true,
    source: path.remote.address,
    destination: path.local.address,
  });
  return kernelSelectors(sa.localTs, sa.remoteTs).flatMap(selector =>
    inboundDirections(mode).map(direction => ({
      id: {
        direction,
        selector: reversed(selector),
        ...(kernel?.markIn !== undefined && { mark: kernel.markIn }),
        ...(kernel?.interfaceIn !== undefined && { interface: kernel.interfaceIn }),
      },
      action: actionOf(sa, selector, templates),
    })),
  );
}

function inboundDirections(mode: IpsecMode): readonly ('in' | 'fwd')[] {
  return mode === 'transport' ? ['in'] : ['in', 'fwd'];
}

/**
 * On the way out, by the very SA: of several with one reqid the kernel would choose for itself. `device` is the index of
 * the interface that they are bound to.
 */
export function outboundPolicies(sa: ChildSaParameters, device?: number): readonly WantedPolicy[] {
  const { path, mode, spiOut, ipcomp, kernel } = sa;
  const templates = templatesOf(sa, {
    spi: spiOut,
    cpi: ipcomp?.cpiOut ?? 0,
    optional: false,
    source: path.local.address,
    destination: path.remote.address,
  });
  const scope = {
    ...(kernel?.markOut !== undefined && { mark: kernel.markOut }),
    ...(kernel?.interfaceOut !== undefined && { interface: kernel.interfaceOut }),
    ...(device !== undefined && { device }),
  };
  return kernelSelectors(sa.localTs, sa.remoteTs).flatMap(selector => {
    const out = {
      id: { direction: 'out', selector, ...scope },
      action: actionOf(sa, selector, templates, device),
    } as const;
    if (kernel?.forwardOut !== true || mode === 'transport') return [out];
    // It asks for no protection, which the packets will get later, and gives way to one for what comes in.
    const priority = kernel.priority ?? priorityOf(selector, 'routed', device);
    return [out, { id: { ...out.id, direction: 'fwd' }, action: { priority } } as const];
  });
}

/** Compression happens first and makes the tunnel, if it is one; what protects the packet then is in transport mode. */
function templatesOf(
  { protocol, mode, reqid, ipcomp }: ChildSaParameters,
  {
    spi,
    cpi,
    optional,
    ...ends
  }: Pick<PolicyTemplate, 'spi' | 'source' | 'destination'> & {
    readonly cpi: number;
    readonly optional: boolean;
  },
): readonly PolicyTemplate[] {
  if (ipcomp === undefined) return [{ protocol, mode, reqid, spi, ...ends }];
  return [
    { protocol: 'ipcomp', mode, reqid, spi: cpi, optional, ...ends },
    { protocol, mode: 'transport', reqid, spi, ...ends },
  ];
}

function actionOf(
  { kernel, path }: ChildSaParameters,
  selector: KernelSelector,
  templates: readonly PolicyTemplate[],
  device?: number,
): PolicyAction {
  return {
    priority: kernel?.priority ?? priorityOf(selector, 'default', device),
    templates,
    ...((kernel?.offload === 'packet' || kernel?.offload === 'auto') && {
      offload: { wanted: kernel.offload, local: path.local.address },
    }),
    ...(kernel?.icmpErrors === true && { icmpErrors: true }),
  };
}

/** A trap catches what goes out, and what comes in without protection; an exception holds in all directions. */
export function standingPolicies(policy: StandingPolicy, device?: number): readonly WantedPolicy[] {
  const { kind, localTs, remoteTs, kernel } = policy;
  const wanted = (
    direction: 'in' | 'out' | 'fwd',
    selector: KernelSelector,
    action: Omit<PolicyAction, 'priority'>,
    className: PolicyClass,
  ): WantedPolicy => {
    const mark = direction === 'out' ? kernel?.markOut : kernel?.markIn;
    const own = direction === 'out' ? kernel?.interfaceOut : kernel?.interfaceIn;
    const by = direction === 'out' ? device : undefined;
    return {
      id: {
        direction,
        selector,
        ...(mark !== undefined && { mark }),
        ...(own !== undefined && { interface: own }),
        ...(by !== undefined && { device: by }),
      },
      action: { ...action, priority: kernel?.priority ?? priorityOf(selector, className, by) },
    };
  };
  const selectors = kernelSelectors(localTs, remoteTs);
  if (kind === 'trap') {
    const { protocol, mode, reqid, local, remote } = policy;
    const template = { protocol, mode, reqid, spi: 0 };
    const out = { templates: [{ ...template, source: local, destination: remote }] };
    const back = { templates: [{ ...template, source: remote, destination: local }] };
    return selectors.flatMap(selector => [
      wanted('out', selector, out, 'routed'),
      ...inboundDirections(mode).map(way => wanted(way, reversed(selector), back, 'routed')),
    ]);
  }
  const action = { drop: kind === 'drop' };
  const className = kind === 'drop' ? 'fallback' : 'pass';
  return selectors.flatMap(selector => [
    wanted('out', selector, action, className),
    wanted('in', reversed(selector), action, className),
    wanted('fwd', reversed(selector), action, className),
  ]);
}
