import { ModeCfgType, XauthAttribute, XauthStatus } from '../../iana/ikev1.ts';
import { isFor } from '../../ike/crossing.ts';
import { warning } from '../../ike/events.ts';
import { tell, who } from '../../ike/steps.ts';
import { EMPTY } from '../../lib/bytes.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { Identity, IdentityPattern } from '../../policy/identity.ts';
import { formatIdentityPattern } from '../../policy/identity-match.ts';
import { attributeNumber } from '../../wire/v1/attribute.ts';
import type { V1Attribute, V1AttributesPayload } from '../../wire/v1/payload.ts';
import type { Flow } from '../flow.ts';
import type { Task } from '../isakmp-sa.ts';
import type { Transacting } from '../transacting.ts';
import { isAskedFor, isUser, LONGEST_NAME, userIdentity, userName } from '../xauth-users.ts';
import { transact } from './transact.ts';

/** Who mistypes may try again; who guesses must make phase 1 anew. */
const MOST_ATTEMPTS = 3;

/** Asks the peer for its user (the picture is in xauth-client.ts); at its end the SA is established. */
export function authenticateUser(sa: Transacting): Task {
  return { kind: 'xauth', subject: '', run: () => asking(sa) };
}

function* asking(sa: Transacting): Flow<void> {
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const verdict = judge(sa, yield* ask(sa));
    if (!('code' in verdict)) {
      tell(sa, 'ike', () => `XAuth authentication of '${who(verdict)}' successful`);
      yield* transact(sa, ModeCfgType.ISAKMP_CFG_SET, [status(XauthStatus.OK)]);
      sa.authenticated(verdict);
      return;
    }
    sa.progress.obstacle = verdict;
    sa.host.event(warning(sa, `${verdict.summary} (attempt ${attempt} of ${MOST_ATTEMPTS})`));
  }
  yield* refuse(sa);
}

/** Some ask their user again, and others leave without a word: then it was the last answer that was wrong. */
function* ask(sa: Transacting): Flow<V1AttributesPayload> {
  try {
    return yield* transact(sa, ModeCfgType.ISAKMP_CFG_REQUEST, [
      { type: XauthAttribute.XAUTH_USER_NAME, value: EMPTY },
      { type: XauthAttribute.XAUTH_USER_PASSWORD, value: EMPTY },
    ]);
  } catch (error) {
    const because = sa.progress.obstacle;
    throw error instanceof Failed && because !== undefined ? new Failed(because) : error;
  }
}

/** The peer learns that it was in vain, if it listens; our side why. */
function* refuse(sa: Transacting): Flow<void> {
  const because = sa.progress.obstacle;
  try {
    yield* transact(sa, ModeCfgType.ISAKMP_CFG_SET, [status(XauthStatus.FAIL)]);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
  }
  if (because !== undefined) throw new Failed(because);
}

/** Who it is, or why it is not let in. Throws Failed where the peer gives up. */
function judge(sa: Transacting, { attributes }: V1AttributesPayload): Identity | Failure {
  const said = attributes.find(({ type }) => type === XauthAttribute.XAUTH_STATUS);
  if (said !== undefined && attributeNumber(said) === XauthStatus.FAIL)
    throw new Failed({
      // Most of all where it was asked again.
      ...(sa.progress.obstacle ?? {
        code: 'peer/refused',
        summary: 'the peer has no user name and password',
      }),
    });
  const name = octetsOf(attributes, XauthAttribute.XAUTH_USER_NAME);
  const password = octetsOf(attributes, XauthAttribute.XAUTH_USER_PASSWORD);
  if (name.length === 0 || name.length > LONGEST_NAME)
    return { code: 'peer/malformed', summary: 'the peer names no user' };
  const user = userIdentity(name);
  const { host, connection, localId, path, peer } = sa;
  if (!isUser(host.credentials, name, password)) {
    tell(sa, 'ike', () => `XAuth authentication of '${who(user)}' failed`);
    return unknownUser(user);
  }
  const asked = connection.remote.at(-1)?.xauthId;
  if (asked !== undefined && !isAskedFor(asked, name)) return otherUser(user, asked);
  if (host.admits(connection, localId, user, peer.initialContact)) return user;
  // The end that has it may make it anew.
  if (host.between(localId, user).some(other => isFor(other.status(), connection, path))) return user;
  throw new Failed({
    code: 'local/superseded',
    summary: `${userName(user)} has an ISAKMP SA already, and ${connection.name} keeps the first`,
  });
}

/** The password is right, so that nothing is given away: it is somebody, and not who this connection is for. */
function otherUser(user: Identity, asked: IdentityPattern): Failure {
  const [ours, theirs] = [formatIdentityPattern(asked), userName(user)];
  return {
    code: 'auth/wrong-identity',
    summary: `the user is ${theirs}, and the connection asks for ${ours}`,
    ours: [ours],
    theirs: [theirs],
    remedy: `set xauth_id of the remote side to ${theirs}, if that is the right user`,
  };
}

function unknownUser(user: Identity): Failure {
  const text = userName(user);
  return {
    code: 'auth/wrong-key',
    summary: `there is no user ${text} of that password`,
    theirs: [text],
    remedy: `compare the password with the secret in secrets { xauth… } that has id = ${text}, if there is one`,
  };
}

function octetsOf(attributes: readonly V1Attribute[], type: number): Uint8Array {
  const value = attributes.find(attribute => attribute.type === type)?.value;
  return typeof value === 'object' ? value : EMPTY;
}

function status(value: number): V1Attribute {
  return { type: XauthAttribute.XAUTH_STATUS, value };
}
