import { failureShape, refusal } from '../../control/failure.ts';
import { type Message, numberOf, saysYes, textOf } from '../../control/vici/message.ts';
import type { Command, CommandContext } from '../../control/vici/server-client.ts';
import type { IkeSaStatus } from '../../ike/output.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { Gateway } from '../gateway.ts';
import type { LogFeed } from '../log-lines.ts';
import type { SaTarget } from '../sa-target.ts';
import type { StandingPolicies } from '../standing-policies.ts';
import type { StartActions } from '../start-actions.ts';
import { answerDuplicate, duplicateOf } from './duplicate.ts';
import { messageOfLine } from './events.ts';
import { otherNames } from './known-names.ts';

export interface ControllingSubjects {
  readonly gateway: Gateway;
  readonly feed: LogFeed;
  readonly policies: StandingPolicies;
  readonly actions: StartActions;
}

/** How long a client waits for a deletion when it does not say: what a peer that is silent is given. */
const LONGEST_DELETION = 10 * 60_000;

/** The commands by which a client brings SAs up, renews them and takes them down. */
export function controllingCommands(subjects: ControllingSubjects): Readonly<Record<string, Command>> {
  const { gateway, policies } = subjects;
  return {
    initiate: (message, context) => initiate(subjects, message, context),
    terminate: (message, context) => terminate(subjects, message, context),
    rekey: async message => rekey(subjects, message),
    redirect: async message => {
      const target = targetOf(message);
      if (gateway.matching(target).length === 0) return refusal(nothingMatches(gateway, 'redirect', message));
      return refusal({
        code: 'local/unsupported',
        summary: 'clients cannot be redirected to another gateway yet (RFC 5685)',
        remedy: 'take the SA down here and change remote_addrs of the client',
      });
    },
    install: async message => {
      const { connection, child } = findChild(gateway, textOf(message, 'ike'), textOf(message, 'child'));
      if (child === undefined)
        throw new Failed({ code: 'config/missing', summary: 'missing configuration name' });
      sayAsked(subjects, `install '${child.name}'`);
      await policies.install(connection, child);
      return { success: 'yes' };
    },
    uninstall: async message => {
      const child = textOf(message, 'child');
      if (child === undefined)
        throw new Failed({ code: 'config/missing', summary: 'missing configuration name' });
      sayAsked(subjects, `uninstall '${child}'`);
      if (await policies.uninstall(child, textOf(message, 'ike'))) return { success: 'yes' };
      throw new Failed({
        code: 'config/unknown-name',
        summary: `policy '${child}' not found`,
        remedy: 'see what is with: swanctl --list-pols',
      });
    },
  };
}

async function initiate(
  subjects: ControllingSubjects,
  message: Message,
  context: CommandContext,
): Promise<Message> {
  const { gateway, feed, actions } = subjects;
  const { connection, child } = findChild(gateway, textOf(message, 'ike'), textOf(message, 'child'));
  if (child?.mode === 'pass' || child?.mode === 'drop') {
    throw new Failed({
      code: 'config/invalid-value',
      summary: `"${child.name}" lets traffic ${child.mode === 'pass' ? 'by' : 'drop'} and has no SA to initiate`,
      remedy: 'put its policy in with: swanctl --install',
    });
  }
  const timeout = numberOf(message, 'timeout') ?? 0;
  if (saysYes(message, 'init-limits') && isCrowded(gateway)) {
    throw new Failed({ code: 'local/half-open-limit', summary: 'too many negotiations are under way' });
  }
  sayAsked(
    subjects,
    child === undefined ? `initiate IKE_SA '${connection.name}'` : `initiate CHILD_SA '${child.name}'`,
  );
  const end = follow(feed, message, context, [connection.name]);
  try {
    const there = child === undefined ? undefined : duplicateOf(gateway, connection, child);
    if (child !== undefined && there !== undefined) {
      if (there.child.name === child.name) actions.want(connection.name, child.name, true);
      return answerDuplicate(subjects, child, there, timeout);
    }
    const standing = child === undefined ? establishedAlready(gateway, connection.name) : undefined;
    if (standing !== undefined) return { success: 'yes', 'ike-id': String(standing.id) };
    const signals = timeout > 0 ? [context.signal, AbortSignal.timeout(timeout)] : [context.signal];
    const up = gateway.up(connection.name, child?.name ?? null, AbortSignal.any(signals));
    actions.want(connection.name, child?.name, true);
    if (timeout < 0) {
      up.catch(ignore);
      return { success: 'yes' };
    }
    const { ike, child: installed } = await up;
    return {
      success: 'yes',
      'ike-id': String(ike.id),
      ...(installed === undefined ? {} : { 'child-id': String(installed.id) }),
    };
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.code !== 'local/stopped' || timeout <= 0) throw error;
    const what = child === undefined ? `IKE_SA '${connection.name}'` : `CHILD_SA '${child.name}'`;
    return refusal({
      code: 'local/stopped',
      summary: `${what} not established after ${timeout}ms`,
      remedy: `it is still being tried; see: cygnet explain ${connection.name}`,
    });
  } finally {
    await feed.settled();
    end();
  }
}

function establishedAlready(gateway: Gateway, connection: string): IkeSaStatus | undefined {
  return gateway
    .status()
    .find(ike => ike.connection === connection && (ike.state === 'ESTABLISHED' || ike.state === 'REKEYING'));
}

async function terminate(
  subjects: ControllingSubjects,
  message: Message,
  context: CommandContext,
): Promise<Message> {
  const { gateway, feed, actions } = subjects;
  const target = targetOf(message);
  const none = { matches: '0', terminated: '0' };
  if (Object.keys(target).length === 0) {
    return refusal({ code: 'config/missing', summary: 'missing terminate selector' });
  }
  sayAsked(subjects, `terminate ${wordsOf(target)}`);
  const before = gateway.matching(target);
  if (before.length === 0) return { ...refusal(nothingMatches(gateway, 'terminate', message)), ...none };
  if (target.connection !== undefined) actions.want(target.connection, target.child, false);
  const timeout = numberOf(message, 'timeout') ?? 0;
  const force = saysYes(message, 'force');
  const ofIke = target.child === undefined && target.childId === undefined;
  const matches = String(before.length);
  const end = follow(feed, message, context, connectionsOf(gateway, target));
  try {
    const patience = timeout > 0 ? timeout : force ? 1 : LONGEST_DELETION;
    const gone = gateway.down(target, patience);
    if (timeout < 0) {
      gone.catch(ignore);
      return { success: 'yes', matches, terminated: matches };
    }
    await gone;
    // A peer that does not answer is not asked for its leave (as charon, for IKE SAs alone).
    if (force && ofIke) for (const ike of before) gateway.abandon({ ike });
    const left = gateway.matching(target).filter(id => before.includes(id)).length;
    const terminated = String(before.length - left);
    if (left === 0) return { success: 'yes', matches, terminated };
    const failure: Failure = {
      code: 'peer/silent',
      summary: 'not all matching SAs could be terminated',
      remedy: 'the peer has not answered yet; --force does not wait for it',
    };
    return { ...refusal(failure), matches, terminated };
  } finally {
    await feed.settled();
    end();
  }
}

function rekey(subjects: ControllingSubjects, message: Message): Message {
  const { gateway } = subjects;
  const target = targetOf(message);
  if (Object.keys(target).length === 0)
    return refusal({ code: 'config/missing', summary: 'missing rekey selector' });
  sayAsked(subjects, `rekey ${wordsOf(target)}`);
  // Children have no proofs to be made anew: one that is named is rekeyed, and its IKE SA stays as it is.
  const ofIke = target.child === undefined && target.childId === undefined;
  const anew = ofIke && saysYes(message, 'reauth');
  const matches = anew ? gateway.reauthenticate(target) : gateway.rekey(target);
  if (matches === 0) return { ...refusal(nothingMatches(gateway, 'rekey', message)), matches: '0' };
  return { success: 'yes', matches: String(matches) };
}

/**
 * Streams what happens to `connections` to the client that asked for it, as loud as it asked for, until the returned
 * function is called.
 */
function follow(
  feed: LogFeed,
  message: Message,
  context: CommandContext,
  connections: readonly string[],
): () => void {
  if (!context.hears('control-log')) return ignore;
  const loudest = numberOf(message, 'loglevel') ?? 1;
  return feed.on(line => {
    if (line.level > loudest || line.connection === undefined || !connections.includes(line.connection))
      return;
    const failure = line.failure === undefined ? {} : { failure: failureShape.encode(line.failure) };
    void context.emit('control-log', { ...messageOfLine(line), ...failure });
  });
}

/** `child` alone is looked for in all connections, as swanctl's users expect. Throws Failed. */
function findChild(
  gateway: Gateway,
  ike: string | undefined,
  child: string | undefined,
): { connection: Connection; child: Connection['children'][number] | undefined } {
  const named = gateway.connections.filter(connection => ike === undefined || connection.name === ike);
  if (ike !== undefined && named.length === 0) throw new Failed(unknownConnection(gateway, ike));
  for (const connection of named) {
    if (child === undefined) {
      if (ike === undefined) break;
      return { connection, child: undefined };
    }
    const found = connection.children.find(config => config.name === child);
    if (found !== undefined) return { connection, child: found };
  }
  if (child === undefined)
    throw new Failed({ code: 'config/missing', summary: 'missing configuration name' });
  const known = named.flatMap(({ children }) => children.map(config => config.name));
  throw new Failed({
    code: 'config/unknown-name',
    summary: `CHILD_SA config '${child}' not found`,
    remedy: otherNames(child, known, 'child'),
  });
}

export function unknownConnection(gateway: Gateway, name: string): Failure {
  const known = gateway.connections.map(connection => connection.name);
  return {
    code: 'config/unknown-name',
    summary: `IKE_SA config '${name}' not found`,
    remedy: otherNames(name, known, 'connection'),
  };
}

/** What a client asked for, as charon's log has it. */
function sayAsked({ feed }: ControllingSubjects, what: string): void {
  feed.say({ group: 'CFG', level: 1, text: `vici ${what}` });
}

/** The narrowest name of what a request is about. */
function wordsOf({ connection, child, ike, childId }: SaTarget): string {
  if (childId !== undefined) return `CHILD_SA #${childId}`;
  if (ike !== undefined) return `IKE_SA #${ike}`;
  return child === undefined ? `IKE_SA '${connection}'` : `CHILD_SA '${child}'`;
}

/** Which SAs a request names. */
export function targetOf(message: Message): SaTarget {
  const connection = textOf(message, 'ike');
  const child = textOf(message, 'child');
  const ike = numberOf(message, 'ike-id');
  const childId = numberOf(message, 'child-id');
  return {
    ...(connection === undefined ? {} : { connection }),
    ...(child === undefined ? {} : { child }),
    ...(ike === undefined ? {} : { ike }),
    ...(childId === undefined ? {} : { childId }),
  };
}

function connectionsOf(gateway: Gateway, target: SaTarget): readonly string[] {
  if (target.connection !== undefined) return [target.connection];
  return gateway
    .status()
    .filter(
      ike =>
        (target.ike === undefined || ike.id === target.ike) &&
        (target.child === undefined || ike.children.some(({ name }) => name === target.child)) &&
        (target.childId === undefined || ike.children.some(({ id }) => id === target.childId)),
    )
    .map(ike => ike.connection);
}

const CROWD = 100;

function isCrowded(gateway: Gateway): boolean {
  return (
    gateway.status().filter(({ state }) => state === 'CREATED' || state === 'CONNECTING').length >= CROWD
  );
}

function nothingMatches(gateway: Gateway, what: string, message: Message): Failure {
  const named = ['ike', 'child', 'ike-id', 'child-id'].flatMap(key => textOf(message, key) ?? []);
  const { connection } = targetOf(message);
  const isUnknown = connection !== undefined && !gateway.connections.some(({ name }) => name === connection);
  return {
    code: 'config/unknown-name',
    summary: `no matching SAs to ${what} found`,
    ...(named.length === 0 ? {} : { theirs: named }),
    remedy: isUnknown
      ? `there is no connection "${connection}": ${unknownConnection(gateway, connection).remedy}`
      : 'see what is up with: cygnet status',
  };
}

function ignore(): void {}
