import { V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { type ChildSa, install, type Reserved, reserveSpi } from '../../ike/child.ts';
import { noCommonSelectors } from '../../ike/failures.ts';
import { tell, tellProposals } from '../../ike/steps.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { narrow, type SelectorMismatch } from '../../policy/narrowing.ts';
import {
  contains,
  sameSelectors,
  selectorForHost,
  type TrafficSelector,
} from '../../policy/traffic-selector.ts';
import type { V1IdPayload, V1Payload, V1SaPayload } from '../../wire/v1/payload.ts';
import { clientIdentity, hostIdentity, isSayable, selectorOf } from '../client-identity.ts';
import {
  all,
  exchangeOrTraffic,
  type Flow,
  isCommitted,
  type Message,
  Refused,
  untilConnected,
} from '../flow.ts';
import type { IsakmpSa } from '../isakmp-sa.ts';
import { childLife, childLimits, endsBefore } from '../life.ts';
import { inPrivateGroup } from '../private-group.ts';
import { chooseQuick, type QuickSuite } from '../quick-proposal.ts';
import { takeOver, twinsOf } from '../succession.ts';
import { asksForEverything, type Installed, installedOf } from '../unity-selectors.ts';
import { lifetimeNotify } from './lifetime-notify.ts';
import {
  aboutOffer,
  aboutSpi,
  answerExchange,
  configuredSelectors,
  keysOf,
  makeChild,
  NONCE_LENGTH,
  natOriginalAddresses,
  nonceOf,
  releaseSpi,
  type Selectors,
} from './quick.ts';

/** A bound for what one peer can make us hold. */
const MOST_CHILDREN = 1024;

/** What we agree to; nothing is reserved yet. */
interface Agreement {
  readonly config: ChildConfig;
  readonly selectors: Selectors;
  /** It is less than the peer asked for. */
  readonly narrowed: boolean;
  readonly suite: QuickSuite;
  readonly answer: (inbound: Reserved) => V1SaPayload;
}

/**
 * The responder's quick mode (the picture is in quick.ts). The child receives from our answer on; it sends, and is there
 * for others to see, once the third message, or a packet, has shown that the peer is alive, and CONNECTED that it is ready, where it
 * set the commit bit. Throws Refused.
 */
export function* serveQuickMode(sa: IsakmpSa, message: Message): Flow<void> {
  if (sa.current.children.length >= MOST_CHILDREN)
    throw new Refused(V1Notify.NO_PROPOSAL_CHOSEN, {
      code: 'peer/refused',
      summary: `the peer asks for more than ${MOST_CHILDREN} children of one ISAKMP SA`,
    });
  const { host } = sa;
  const ids = all(message, V1PayloadType.ID);
  const agreement = agree(sa, message, ids);
  const { config, selectors, suite, answer } = agreement;
  const ni = nonceOf(message);
  const theirs = aboutSpi(config, suite.spiOut);
  const exchange = answerExchange(sa, suite.accepted.keyExchange, message, theirs);
  const nr = host.provider.random(NONCE_LENGTH);
  const inbound = yield* reserveSpi(config.protocol, sa.path, suite.cpiOut !== undefined);
  const { spi: spiIn } = inbound;
  const nonces = { initiator: ni, responder: nr };
  const keys = keysOf(sa, config, suite, spiIn, nonces, exchange?.sharedSecret);
  const installed = installedOf(sa, config, selectors, undefined);
  const child = makeChild(sa, config, suite, inbound, installed, replacedBy(sa, config, installed));
  yield* installInbound(sa, child, keys, suite);
  let confirmed = false;
  try {
    const third = yield* exchangeOrTraffic(
      {
        payloads: [
          answer(inbound),
          { type: V1PayloadType.NONCE, data: nr },
          ...(exchange === undefined
            ? []
            : [{ type: V1PayloadType.KE, data: exchange.publicValue } as const]),
          ...(agreement.narrowed ? saying(selectors) : ids.map(echo)),
          ...notices(sa, config, suite, spiIn),
        ],
        hash: { number: 2, ni },
      },
      { hash: { number: 3, ni, nr }, child: child.id, spi: spiIn },
    );
    if (third !== undefined && (isCommitted(message) || isCommitted(third)))
      yield* untilConnected(undefined, child);
    confirmed = sa.current.children.includes(child);
  } finally {
    if (!confirmed && sa.current.children.includes(child)) sa.current.removeChild(child);
  }
  if (confirmed) takeOver(sa, child, false);
}

/** What goes along: the addresses that a NAT hides, and that the SA lives shorter here. */
function notices(
  sa: IsakmpSa,
  config: ChildConfig,
  { mode, life }: QuickSuite,
  spiIn: number,
): readonly V1Payload[] {
  const ours = childLife(config);
  return [
    ...(mode === 'transport' ? natOriginalAddresses(sa, 'responder') : []),
    ...(endsBefore(ours, life) ? [lifetimeNotify(ours, aboutSpi(config, spiIn))] : []),
  ];
}

function* installInbound(
  sa: IsakmpSa,
  child: ChildSa,
  keys: Parameters<typeof install>[2],
  { life }: QuickSuite,
): Flow<void> {
  let ours = false;
  const [replaced] = twinsOf(sa, child);
  try {
    yield* install(sa.host, child, keys, sa.path, {
      outbound: false,
      limits: childLimits(child.config, life),
      ...(replaced === undefined ? {} : { replaces: replaced.id }),
    });
    sa.current.addChild(child);
  } catch (error) {
    ours = true;
    const about = aboutSpi(child.config, child.spiOut);
    if (error instanceof Failed)
      throw new Refused(V1Notify.NO_PROPOSAL_CHOSEN, error.failure, { about, child: child.config.name });
    throw error;
  } finally {
    if (ours) releaseSpi(sa, child.config, child.spiIn);
  }
}

/** The child that is there for this traffic already: its successor keeps its number. */
function replacedBy(
  sa: IsakmpSa,
  { name }: ChildConfig,
  { localTs, remoteTs }: Installed,
): ChildSa | undefined {
  return sa.current.children.find(
    child =>
      child.config.name === name &&
      sameSelectors(child.localTs, localTs) &&
      sameSelectors(child.remoteTs, remoteTs),
  );
}

/**
 * The child that the peer asks for: one whose selectors hold all that it names, or else one that has part of it: it is
 * told which part. RFC 2409 knows no narrowing, and who does not takes the answer for none. Throws Refused.
 */
function agree(sa: IsakmpSa, message: Message, ids: readonly V1IdPayload[]): Agreement {
  const [payload, ...more] = all(message, V1PayloadType.SA);
  const { path, connection } = sa;
  const [remoteId, localId] =
    ids.length === 2 ? ids : [hostIdentity(path.remote.address), hostIdentity(path.local.address)];
  if (payload === undefined || remoteId === undefined || localId === undefined)
    throw new Failed({ code: 'peer/malformed', summary: 'quick mode without an SA' });
  if (more.length > 0)
    throw new Refused(V1Notify.NO_PROPOSAL_CHOSEN, several(more.length + 1), { about: aboutOffer(payload) });
  let nearest: Refused | undefined;
  let furthest: Refused | undefined;
  let less: Agreement | undefined;
  for (const config of connection.children) {
    if (config.mode === 'pass' || config.mode === 'drop') continue;
    const wanted = inPrivateGroup(config, sa.privateGroup, true);
    const { features, settings } = sa.host;
    const chosen = chooseQuick(wanted, features, sa, payload, settings.preferConfiguredProposals);
    const transport = 'suite' in chosen ? chosen.suite.mode === 'transport' : config.mode === 'transport';
    const fitting = fit(sa, config, localId, remoteId, transport, ids.length > 0);
    if (fitting instanceof Refused) nearest ??= fitting;
    else if ('code' in chosen) furthest ??= refused(config, payload, chosen);
    else if (!canDo(sa, config, chosen.suite))
      furthest ??= refused(config, payload, unsupported(config, chosen.suite));
    else if (fitting.narrowed) less ??= { config, ...fitting, ...chosen };
    else return { config, ...fitting, ...chosen };
  }
  if (less !== undefined) return less;
  if (furthest !== undefined) {
    tellProposals(sa, furthest.failure);
    tell(sa, 'ike', () => 'no matching proposal found, sending NO_PROPOSAL_CHOSEN');
  }
  throw (
    furthest ??
    nearest ??
    new Refused(V1Notify.INVALID_ID_INFORMATION, NO_CHILD, { about: aboutOffer(payload) })
  );
}

function fit(
  sa: IsakmpSa,
  config: ChildConfig,
  localId: V1IdPayload,
  remoteId: V1IdPayload,
  transport: boolean,
  named: boolean,
): Pick<Agreement, 'selectors' | 'narrowed'> | Refused {
  const { path, peer } = sa;
  const configured = configuredSelectors(sa, config);
  const seen = (id: V1IdPayload, behindNat: boolean, address: Uint8Array): TrafficSelector | undefined => {
    // The peer cannot know what a NAT makes of its address, and may say its name instead: it means itself.
    const selector = selectorOf(id);
    if (!transport || !behindNat) return selector;
    const { port, protocol } = id;
    const ports = port === 0 ? { startPort: 0, endPort: 65_535 } : { startPort: port, endPort: port };
    return selectorForHost(address, protocol, ports);
  };
  const local = seen(localId, peer.natLocal, path.local.address);
  const remote = seen(remoteId, peer.natRemote, path.remote.address);
  const refuse = (failure: Failure): Refused =>
    new Refused(V1Notify.INVALID_ID_INFORMATION, failure, { child: config.name });
  if (local === undefined || remote === undefined)
    return refuse({
      code: 'peer/ts-unacceptable',
      summary: `${config.name}: the peer names traffic by something else than addresses`,
    });
  // What a NAT changes, or was not said, cannot be said back.
  const mayNarrow = named && !transport;
  const selectors = {
    local: asksForEverything(sa, local) ? local : common(configured.local, local, mayNarrow),
    remote: common(configured.remote, remote, mayNarrow),
  };
  if (selectors.local !== undefined && selectors.remote !== undefined) {
    const narrowed = selectors.local !== local || selectors.remote !== remote;
    return { selectors: { local: selectors.local, remote: selectors.remote }, narrowed };
  }
  const [side, ours, asked] =
    selectors.local === undefined
      ? (['local', configured.local, local] as const)
      : (['remote', configured.remote, remote] as const);
  const narrowed = narrow(ours, [asked]);
  const mismatch: SelectorMismatch =
    narrowed.kind === 'mismatch' ? narrowed : { kind: 'mismatch', ours, offered: [asked] };
  return refuse(noCommonSelectors(mismatch, side, config.name));
}

/** What of `asked` is configured, where that can be said: quick mode has room for one selector a side. */
function common(
  ours: readonly TrafficSelector[],
  asked: TrafficSelector,
  mayNarrow: boolean,
): TrafficSelector | undefined {
  if (ours.some(one => contains(one, asked))) return asked;
  const shared = narrow(ours, [asked]);
  if (!mayNarrow || shared.kind === 'mismatch') return undefined;
  const [only, ...others] = shared.selectors;
  return only !== undefined && others.length === 0 && isSayable(only) ? only : undefined;
}

function canDo({ host }: IsakmpSa, { protocol }: ChildConfig, { mode }: QuickSuite): boolean {
  return host.features.modes.includes(mode) && host.features.protocols.includes(protocol);
}

function unsupported({ name, protocol }: ChildConfig, { mode }: QuickSuite): Failure {
  return {
    code: 'local/unsupported',
    summary: `${name}: the IPsec back end has no ${mode} mode with ${protocol}`,
  };
}

function refused(config: ChildConfig, payload: V1SaPayload, failure: Failure): Refused {
  return new Refused(V1Notify.NO_PROPOSAL_CHOSEN, failure, {
    about: aboutOffer(payload),
    child: config.name,
  });
}

function several(count: number): Failure {
  return {
    code: 'peer/no-proposal-chosen',
    summary: `the peer asks for ${count} SAs in one quick mode, and one is made by each`,
    ours: ['1 SA'],
    theirs: [`${count} SAs`],
    remedy: 'let the peer begin a quick mode for each',
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}

const NO_CHILD: Failure = {
  code: 'peer/ts-unacceptable',
  summary: 'the connection has no child that a peer may ask for',
};

/** IDci, which is the peer's side, and IDcr. */
function saying({ local, remote }: Selectors): readonly V1IdPayload[] {
  return [clientIdentity(remote), clientIdentity(local)];
}

/** Identities go back as they came. */
function echo({ type, idType, protocol, port, data, body }: V1IdPayload): V1IdPayload {
  return { type, idType, protocol, port, data, ...(body === undefined ? {} : { body }) };
}
