import { V1ExchangeType, V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import { KeMethod } from '../../iana/transforms.ts';
import { type ChildSa, install, reserveSpi } from '../../ike/child.ts';
import { offerRefused, selectorsRefused } from '../../ike/failures.ts';
import type { Secret } from '../../lib/secret.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatSelector } from '../../policy/selector-text.ts';
import { contains } from '../../policy/traffic-selector.ts';
import { clientIdentity, selectorOf } from '../client-identity.ts';
import { withoutCompression } from '../compression.ts';
import {
  all,
  begin,
  exchange,
  type Flow,
  first,
  isCommitted,
  type Message,
  Refused,
  type Sending,
  send,
  untilConnected,
} from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import type { IsakmpSa, Task } from '../isakmp-sa.ts';
import { childLimits, reduced } from '../life.ts';
import { inPrivateGroup } from '../private-group.ts';
import {
  confirmQuick,
  groupsOf,
  type QuickOffer,
  type QuickSuite,
  quickOffer,
  settingOf,
} from '../quick-proposal.ts';
import { prepare, takeOver } from '../succession.ts';
import { installedOf } from '../unity-selectors.ts';
import { responderLifetime } from './lifetime-notify.ts';
import { missingGroup } from './new-group.ts';
import {
  aboutOffer,
  aboutSpi,
  configuredSelectors,
  endExchange,
  keysOf,
  makeChild,
  NONCE_LENGTH,
  natOriginalAddresses,
  nonceOf,
  releaseSpi,
  type Selectors,
  startExchange,
  wantedMode,
} from './quick.ts';

/** A bound for what one child makes us begin. */
const MOST_PAIRS = 16;

/** A child: a quick mode for each pair of its selectors, since one has room for no more. */
export function createChild(config: ChildConfig): readonly Task[] {
  const pairs = config.localTs.flatMap((_, local) => config.remoteTs.map((_, remote) => ({ local, remote })));
  return pairs.slice(0, MOST_PAIRS).map(({ local, remote }) => ({
    kind: 'create-child',
    subject: `${config.name} ${local} ${remote}`,
    child: config.name,
    run: sa => create(sa, config, local, remote),
  }));
}

function* create(sa: IsakmpSa, config: ChildConfig, local: number, remote: number): Flow<void> {
  const pairs = pairsOf(sa, {
    localTs: config.localTs.slice(local, local + 1),
    remoteTs: config.remoteTs.slice(remote, remote + 1),
  });
  for (const pair of pairs) yield* negotiate(sa, config, pair, undefined);
  // Between the families there is no traffic; only where there is none at all something is wrong.
  if (pairs.length > 0 || pairsOf(sa, config).length > 0) return;
  const { local: ours, remote: theirs } = configuredSelectors(sa, config);
  throw new Failed({
    code: 'config/invalid-value',
    summary: `${config.name}: no local and remote traffic selector are of the same family`,
    ours: ours.map(formatSelector),
    theirs: theirs.map(formatSelector),
    remedy: 'let local_ts and remote_ts, and the virtual IP, have a family of addresses in common',
  });
}

/** Selectors that can be those of one child. `dynamic` may stand for an address of each family. */
function pairsOf(sa: IsakmpSa, config: Parameters<typeof configuredSelectors>[1]): readonly Selectors[] {
  const { local, remote } = configuredSelectors(sa, config);
  return local.flatMap(ours =>
    remote.flatMap(theirs =>
      ours.start.length === theirs.start.length ? [{ local: ours, remote: theirs }] : [],
    ),
  );
}

/**
 * The initiator's quick mode, again with another group where the peer refuses one; at its end the child is installed
 * and traffic goes by it. `old` is the one whose place it takes. Throws Failed.
 */
export function* negotiate(
  sa: IsakmpSa,
  config: ChildConfig,
  selectors: Selectors,
  old: ChildSa | undefined,
): Flow<ChildSa> {
  const groups = groupsOf(inPrivateGroup(config, sa.privateGroup, false), sa.host.features);
  const missing = missingGroup(sa);
  if (missing !== undefined && groups.some(group => group !== KeMethod.NONE)) throw new Failed(missing);
  const mode = old?.mode ?? wantedMode(config);
  const { modes, protocols } = sa.host.features;
  if (groups.length === 0 || mode === 'beet' || !modes.includes(mode) || !protocols.includes(config.protocol))
    throw new Failed({
      code: 'local/unsupported',
      summary: `${config.name}: IKEv1 and the IPsec back end have no ${mode} mode with ${config.protocol} and ${config.proposals.map(({ text }) => text).join(', ')}`,
    });
  const ordered =
    old === undefined ? groups : [...new Set([old.keMethod, ...groups])].filter(one => groups.includes(one));
  let refusal: Failed | undefined;
  for (const group of ordered) {
    try {
      return yield* attempt(sa, config, selectors, old, mode, group);
    } catch (error) {
      if (!(error instanceof Failed) || error instanceof Refused) throw error;
      refusal ??= new Failed(explained(error.failure, config, selectors));
      if (error.failure.notify !== 'NO_PROPOSAL_CHOSEN') throw refusal;
    }
  }
  throw refusal ?? new Error('no group to try');
}

function* attempt(
  sa: IsakmpSa,
  config: ChildConfig,
  selectors: Selectors,
  old: ChildSa | undefined,
  mode: 'tunnel' | 'transport',
  group: number,
): Flow<ChildSa> {
  const { host, peer } = sa;
  const isCompressed = withoutCompression(config, host.features, peer, sa.path) === undefined;
  const inbound = yield* reserveSpi(config.protocol, sa.path, isCompressed);
  const { spi: spiIn } = inbound;
  let spiIsOurs = true;
  try {
    const offered = inPrivateGroup(config, sa.privateGroup, false);
    const offer = quickOffer(offered, host.features, peer, mode, group, inbound);
    const half = startExchange(sa, group);
    const ni = host.provider.random(NONCE_LENGTH);
    const ids = [clientIdentity(selectors.local), clientIdentity(selectors.remote)] as const;
    yield* begin(V1ExchangeType.QUICK_MODE);
    const answer = yield* exchange(
      {
        payloads: [
          offer.payload,
          { type: V1PayloadType.NONCE, data: ni },
          ...(half === undefined ? [] : [{ type: V1PayloadType.KE, data: half.publicValue } as const]),
          ...ids,
          ...(mode === 'transport' ? natOriginalAddresses(sa, 'initiator') : []),
        ],
        hash: HASH_1,
      },
      { hash: { number: 2, ni }, spi: spiIn },
    );
    const nr = nonceOf(answer);
    const { suite, secret } = judge(offered, offer, answer, half);
    const agreed = agreedSelectors(sa, config, suite, selectors, answer);
    const keys = keysOf(sa, config, suite, spiIn, { initiator: ni, responder: nr }, secret);
    const child = makeChild(sa, config, suite, inbound, installedOf(sa, config, agreed, old), old);
    const said = reduced(config, suite.life, responderLifetime(answer));
    spiIsOurs = false;
    const commits = isCommitted(answer);
    yield* installOurs(sa, child, keys, childLimits(config, said), old, !commits);
    const third = { payloads: [], hash: { number: 3, ni, nr } } as const;
    if (commits) yield* connected(sa, child, third);
    else yield* send(third);
    // The peer may not have installed it before this message came (RFC 2409 §5.5).
    if (old?.outbound === true && sa.current.children.includes(old)) prepare(sa, old, child, ni);
    else takeOver(sa, child, true);
    return child;
  } finally {
    if (spiIsOurs) releaseSpi(sa, config, spiIn);
  }
}

/** The peer wants to be waited for. Throws Failed where it does not want the child any more. */
function* connected(sa: IsakmpSa, child: ChildSa, third: Sending): Flow<void> {
  let isReady = false;
  try {
    yield* untilConnected(third, child);
    isReady = sa.current.children.includes(child);
  } finally {
    if (!isReady && sa.current.children.includes(child)) sa.current.removeChild(child);
  }
  if (!isReady)
    throw new Failed({
      code: 'peer/deleted',
      summary: `${child.config.name}: the peer deleted the SA as soon as it was made`,
    });
}

/** Throws Refused where the answer is none to the offer. */
function judge(
  config: ChildConfig,
  offer: QuickOffer,
  answer: Message,
  half: ReturnType<typeof startExchange>,
): { readonly suite: QuickSuite; readonly secret: Secret | undefined } {
  const payload = first(answer, V1PayloadType.SA);
  const suite =
    payload === undefined
      ? { code: 'peer/malformed' as const, summary: `${config.name}: an answer without an SA` }
      : confirmQuick(config, offer, payload);
  if ('code' in suite) {
    const about = payload === undefined ? {} : { about: aboutOffer(payload) };
    throw new Refused(V1Notify.BAD_PROPOSAL_SYNTAX, suite, { ...about, child: config.name });
  }
  return { suite, secret: endExchange(half, answer, aboutSpi(config, suite.spiOut)) };
}

/**
 * The identities come back as they went, or as a part of that: RFC 2409 knows no narrowing, and some do it. Throws
 * Refused.
 */
function agreedSelectors(
  sa: IsakmpSa,
  config: ChildConfig,
  { mode, spiOut }: QuickSuite,
  asked: Selectors,
  answer: Message,
): Selectors {
  const [initiators, responders] = all(answer, V1PayloadType.ID).map(selectorOf);
  // What a NAT makes of addresses we know better.
  const isTheirs = answer.payloads.some(({ type }) => type === V1PayloadType.ID);
  if (!isTheirs || (mode === 'transport' && sa.peer.encapsulate)) return asked;
  if (
    initiators !== undefined &&
    responders !== undefined &&
    contains(asked.local, initiators) &&
    contains(asked.remote, responders)
  )
    return { local: initiators, remote: responders };
  throw new Refused(
    V1Notify.INVALID_ID_INFORMATION,
    {
      code: 'peer/ts-unacceptable',
      summary: `${config.name}: the peer answered with other selectors than it was asked for`,
    },
    { about: aboutSpi(config, spiOut), child: config.name },
  );
}

function* installOurs(
  sa: IsakmpSa,
  child: ChildSa,
  keys: Parameters<typeof install>[2],
  limits: Partial<ChildConfig>,
  old: ChildSa | undefined,
  isReady: boolean,
): Flow<void> {
  let ours = false;
  try {
    yield* install(sa.host, child, keys, sa.path, {
      outbound: old === undefined && isReady,
      limits,
      ...(old === undefined ? {} : { replaces: old.id }),
    });
    sa.current.addChild(child);
  } catch (error) {
    ours = true;
    // The peer waits for the third message, and would have an SA that leads nowhere.
    const about = aboutSpi(child.config, child.spiOut);
    if (error instanceof Failed)
      throw new Refused(V1Notify.NO_PROPOSAL_CHOSEN, error.failure, { about, child: child.config.name });
    throw error;
  } finally {
    if (ours) releaseSpi(sa, child.config, child.spiIn);
  }
}

/** What a peer's refusal means for the child. */
function explained(failure: Failure, config: ChildConfig, { local, remote }: Selectors): Failure {
  switch (failure.notify) {
    case 'NO_PROPOSAL_CHOSEN':
      return offerRefused(config.proposals, settingOf(config));
    case 'INVALID_ID_INFORMATION':
      return { ...selectorsRefused([local], [remote], config.name), notify: failure.notify };
    default:
      return { ...failure, summary: `${config.name}: ${failure.summary}` };
  }
}
