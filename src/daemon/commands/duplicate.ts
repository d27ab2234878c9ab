import { isDeepStrictEqual } from 'node:util';
import { refusal } from '../../control/failure.ts';
import type { Message } from '../../control/vici/message.ts';
import type { ChildSaStatus, IkeSaStatus } from '../../ike/output.ts';
import { childFacts, spisOf } from '../../ike/steps.ts';
import type { ChildConfig, Connection } from '../../policy/connection.ts';
import type { Failure } from '../../policy/failure.ts';
import { isUniqueOfChild } from '../../policy/kernel-config.ts';
import type { Gateway } from '../gateway.ts';
import type { LogFeed } from '../log-lines.ts';

/** A child that was asked for once more. */
export interface Standing {
  readonly ike: IkeSaStatus;
  readonly child: ChildSaStatus;
}

/**
 * A child that stands and was configured just as `wanted`, by whatever name: a second one would carry nothing that it does
 * not. With marks or interfaces of its own (`%unique`) it would, and as many are made as are asked for.
 */
export function duplicateOf(
  gateway: Gateway,
  connection: Connection,
  wanted: ChildConfig,
): Standing | undefined {
  if (wanted.kernel !== undefined && isUniqueOfChild(wanted.kernel)) return undefined;
  const isSame = (config: ChildConfig): boolean =>
    config.name === wanted.name || isDeepStrictEqual({ ...config, name: wanted.name }, wanted);
  const names = new Set(connection.children.filter(isSame).map(({ name }) => name));
  for (const ike of gateway.status()) {
    if (ike.connection !== connection.name || (ike.state !== 'ESTABLISHED' && ike.state !== 'REKEYING'))
      continue;
    const child = ike.children.find(
      ({ name, state }) => names.has(name) && (state === 'INSTALLED' || state === 'REKEYING'),
    );
    if (child !== undefined) return { ike, child };
  }
  return undefined;
}

/**
 * In IKEv2 charon refuses to make a duplicate, and scripts branch on that; whoever does not wait for the outcome is not
 * told. In IKEv1 it makes the child anew each time and succeeds: that nothing is made then is all that differs.
 */
export function answerDuplicate(
  { gateway, feed }: { readonly gateway: Gateway; readonly feed: LogFeed },
  wanted: ChildConfig,
  { ike, child }: Standing,
  timeout: number,
): Message {
  const say = (text: string): void =>
    feed.say({ group: 'IKE', level: 1, connection: ike.connection, ike: ike.id, text });
  const numbers = { 'ike-id': String(ike.id), 'child-id': String(child.id) };
  if (ike.version === 1) {
    say(`CHILD_SA ${child.name}{${child.id}} is established already`);
    return { success: 'yes', ...numbers };
  }
  const number = gateway.newChildId();
  say(
    `not establishing CHILD_SA ${wanted.name}{${number}} due to existing duplicate {${child.id}} ${childFacts(child, spisOf)}`,
  );
  if (timeout < 0) return { success: 'yes' };
  const failure: Failure = {
    code: 'local/duplicate',
    summary: `CHILD_SA '${wanted.name}' is not established: ${child.name}{${child.id}} is up and carries the same`,
    remedy: `nothing need be done; to have it made anew: swanctl --rekey --child ${child.name}`,
  };
  return { ...refusal(failure), ...numbers };
}
