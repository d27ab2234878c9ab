import { XauthAttribute, XauthStatus, XauthType } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import { tell, who } from '../../ike/steps.ts';
import { EMPTY } from '../../lib/bytes.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { attributeNumber } from '../../wire/v1/attribute.ts';
import type { V1Attribute, V1AttributesPayload } from '../../wire/v1/payload.ts';
import { xauthRole } from '../auth/xauth-role.ts';
import { type Flow, send } from '../flow.ts';
import { HASH_1 } from '../hash-rule.ts';
import { answerTo, type Transacting } from '../transacting.ts';
import { userIdentity, userName, xauthSecret } from '../xauth-users.ts';

/*
 *   Server                                         Client
 *   ATTR(REQUEST, user name, password)      -->
 *                                           <--    ATTR(REPLY, user name, password)
 *   ATTR(SET, status)                       -->
 *                                           <--    ATTR(ACK, status)        draft-beaulieu-ike-xauth §3
 */

/** What needs no answer. */
const TOLD: readonly number[] = [XauthAttribute.XAUTH_MESSAGE, XauthAttribute.XAUTH_DOMAIN];
const CANNOT: V1Attribute = { type: XauthAttribute.XAUTH_STATUS, value: XauthStatus.FAIL };

/** Before the peer has asked. */
export const NEVER_ASKED: Failure = {
  code: 'peer/silent',
  summary: 'the peer never asked for user name and password, or never said whether they were right',
};

/** Gives user name and password where they are asked for: once, and to a peer alone that the connection names for it. */
export function* answerXauth(sa: Transacting, asked: V1AttributesPayload): Flow<void> {
  const isClient = isAwaited(sa);
  const obstacle = isClient ? obstacleTo(sa, asked) : undefined;
  if (!isClient || obstacle !== undefined) {
    yield* send({ payloads: [answerTo(asked, [CANNOT])], hash: HASH_1 });
    if (obstacle !== undefined) throw new Failed(obstacle);
    return;
  }
  const { name, secret } = xauthSecret(sa.host.credentials, sa.connection.local);
  const wanted = asked.attributes.map(({ type }) => type);
  const wantsName = wanted.includes(XauthAttribute.XAUTH_USER_NAME);
  const wantsPassword = wanted.includes(XauthAttribute.XAUTH_USER_PASSWORD);
  const both = !wantsName && !wantsPassword;
  const attributes: V1Attribute[] = [];
  if (wanted.includes(XauthAttribute.XAUTH_TYPE))
    attributes.push({ type: XauthAttribute.XAUTH_TYPE, value: XauthType.GENERIC });
  if (wantsName || both) attributes.push({ type: XauthAttribute.XAUTH_USER_NAME, value: name });
  if (wantsPassword || both) {
    attributes.push({ type: XauthAttribute.XAUTH_USER_PASSWORD, value: secret.secret.reveal() });
    sa.progress.given = true;
    sa.progress.obstacle = refusedBy(sa, 'ended the SA without saying whether it takes');
  }
  yield* send({ payloads: [answerTo(asked, attributes)], hash: HASH_1 });
}

/** The peer says whether the user may come in. */
export function* heedStatus(sa: Transacting, told: V1AttributesPayload): Flow<void> {
  const status = told.attributes.find(({ type }) => type === XauthAttribute.XAUTH_STATUS);
  const known: V1Attribute[] = status === undefined ? [] : [{ type: status.type, value: EMPTY }];
  yield* send({ payloads: [answerTo(told, known)], hash: HASH_1 });
  if (status === undefined || !isAwaited(sa)) return;
  const isIn = attributeNumber(status) === XauthStatus.OK;
  const { name } = xauthSecret(sa.host.credentials, sa.connection.local);
  const outcome = isIn ? 'successful' : 'failed';
  tell(sa, 'ike', () => `XAuth authentication of '${who(userIdentity(name))}' (myself) ${outcome}`);
  if (!isIn) throw new Failed(refusedBy(sa, 'does not take'));
  sa.authenticated();
}

/** Whether the peer may ask for our user now. */
function isAwaited({ connection, progress }: Transacting): boolean {
  return xauthRole(connection) === 'client' && progress.awaits === 'user';
}

/** Why we cannot answer. */
function obstacleTo(sa: Transacting, { attributes }: V1AttributesPayload): Failure | undefined {
  const type = attributes.find(attribute => attribute.type === XauthAttribute.XAUTH_TYPE);
  const kind = type === undefined ? XauthType.GENERIC : attributeNumber(type);
  if (kind !== XauthType.GENERIC)
    return unsupported(kind === undefined ? 'an unknown kind of XAUTH' : nameOf(XauthType, kind));
  const foreign = attributes.find(attribute => !ANSWERED.has(attribute.type) && isXauth(attribute));
  if (foreign !== undefined) return unsupported(nameOf(XauthAttribute, foreign.type));
  const again = attributes.some(attribute => attribute.type === XauthAttribute.XAUTH_USER_PASSWORD);
  return again && sa.progress.given ? refusedBy(sa, 'asks again after it was given') : undefined;
}

const ANSWERED: ReadonlySet<number> = new Set<number>([
  XauthAttribute.XAUTH_TYPE,
  XauthAttribute.XAUTH_USER_NAME,
  XauthAttribute.XAUTH_USER_PASSWORD,
  ...TOLD,
]);

function isXauth({ type }: V1Attribute): boolean {
  return type >= XauthAttribute.XAUTH_TYPE && type <= XauthAttribute.XAUTH_ANSWER;
}

function unsupported(what: string): Failure {
  return {
    code: 'local/unsupported',
    summary: `the peer asks for ${what} in XAUTH, and there is only user name and password here`,
    theirs: [what],
    ours: ['XAUTH_USER_NAME', 'XAUTH_USER_PASSWORD'],
    remedy: 'have the peer ask for user name and password',
  };
}

function refusedBy(sa: Transacting, does: string): Failure {
  const user = userName(userIdentity(xauthSecret(sa.host.credentials, sa.connection.local).name));
  return {
    code: 'auth/refused-by-peer',
    summary: `the peer ${does} the user name ${user} and its password`,
    ours: [user],
    remedy: 'compare xauth_id and the xauth secret with what the peer knows of the user',
  };
}
