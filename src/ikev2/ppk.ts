import { ppkKeys } from '../crypto/keymat-v2.ts';
import { PayloadType } from '../iana/ikev2.ts';
import { NotifyStatus } from '../iana/notify.ts';
import { warning } from '../ike/events.ts';
import { tell } from '../ike/steps.ts';
import { concat } from '../lib/bytes.ts';
import type { Secret } from '../lib/secret.ts';
import type { Connection } from '../policy/connection.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { formatPpkId, ownPpk, type Ppk, peersPpk } from '../policy/ppk.ts';
import type { AuthPayload, NotifyPayload } from '../wire/v2/payload.ts';
import { findNotify, first, type Message, notify } from './flow.ts';
import type { InitResult } from './flows/init.ts';
import type { EmergingSa } from './ike-sa.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {IDi, … AUTH, …, N(PPK_IDENTITY, PPK_ID),
 *       [N(NO_PPK_AUTH)]}  -->
 *                               <--  HDR, SK {IDr, … AUTH, …, [N(PPK_IDENTITY)]}      RFC 8784 §3
 */

/** The keys that AUTH covers and SK_d, as they are with a PPK or without. */
export interface AuthKeys {
  readonly init: InitResult;
  /** Of the mixed keys; absent where no PPK is used. */
  readonly mixed?: { readonly ppk: Ppk; readonly skD: Secret };
}

/** A PPK_ID whose octets are configured (RFC 8784 §5.1). */
const PPK_ID_FIXED = 2;

/** The initiator's keys for its first proof. */
export function offeredKeys(sa: EmergingSa, init: InitResult): AuthKeys {
  const ppk = sa.peer.ppk ? ownPpk(sa.host.credentials, sa.connection.ppk) : undefined;
  return ppk === undefined ? { init } : mixed(sa, init, ppk);
}

/** What goes beside the initiator's first proof: which PPK it is, and where it is not required a proof without it. */
export function ppkNotifies(
  { connection }: EmergingSa,
  { mixed: used }: AuthKeys,
  signWithout: () => AuthPayload,
): readonly NotifyPayload[] {
  if (used === undefined) return [];
  const identity = notify(NotifyStatus.PPK_IDENTITY, concat(Uint8Array.of(PPK_ID_FIXED), used.ppk.id));
  return connection.ppk?.required === true
    ? [identity]
    : [identity, notify(NotifyStatus.NO_PPK_AUTH, signWithout().data)];
}

/** The initiator's keys from the first answer on, which says whether the PPK is used. Throws Failed where it must be. */
export function answeredKeys(sa: EmergingSa, init: InitResult, offered: AuthKeys, answer: Message): AuthKeys {
  const { mixed: used } = offered;
  if (used === undefined || findNotify(answer, NotifyStatus.PPK_IDENTITY) !== undefined) return offered;
  // A refusal says nothing of PPKs.
  if (first(answer, PayloadType.AUTH) === undefined) return offered;
  const id = formatPpkId(used.ppk.id);
  if (sa.connection.ppk?.required === true)
    throw new Failed({
      code: 'auth/ppk',
      summary: `${sa.connection.name}: the peer does not use the PPK ${id}, and ppk_required is yes`,
      ours: [id],
      remedy: `give the peer the PPK ${id}, or set ppk_required = no here`,
    });
  unprotected(sa, `the peer does not use the PPK ${id}`);
  return { init };
}

/** What the initiator says of PPKs beside its first proof, as a connection of ours takes it. */
export interface PpkClaim {
  readonly keys: AuthKeys;
  /** The proof that counts. */
  readonly auth: AuthPayload;
  /** Proves the same by the keys without a PPK. */
  readonly without?: AuthPayload;
}

/** By which keys the initiator is to have proved itself first (RFC 8784 §3, table 1). Throws Failed where by none. */
export function claimedKeys(
  sa: EmergingSa,
  connection: Connection,
  init: InitResult,
  message: Message,
  auth: AuthPayload,
): PpkClaim {
  const required = connection.ppk?.required === true;
  if (!sa.peer.ppk) {
    if (required) throw refused(connection, 'the peer uses no PPK, and ppk_required is yes');
    return { keys: { init }, auth };
  }
  const data = findNotify(message, NotifyStatus.PPK_IDENTITY)?.data ?? new Uint8Array();
  if (data.length < 2) throw refused(connection, 'the peer says that it uses a PPK, and not which');
  const id = data.slice(1);
  const instead = findNotify(message, NotifyStatus.NO_PPK_AUTH);
  const without = instead === undefined ? undefined : { ...auth, data: instead.data };
  const ppk = data[0] === PPK_ID_FIXED ? peersPpk(sa.host.credentials, connection.ppk, id) : undefined;
  if (ppk !== undefined)
    return { keys: mixed(sa, init, ppk), auth, ...(without === undefined ? {} : { without }) };
  const name = formatPpkId(id);
  if (required) throw refused(connection, `there is no PPK ${name}, and ppk_required is yes`, name);
  if (without === undefined)
    throw refused(connection, `there is no PPK ${name}, and the peer requires it`, name);
  return { keys: { init }, auth: without };
}

/** What says beside the responder's first proof that the PPK is used. */
export function ppkAnswer({ mixed: used }: AuthKeys): readonly NotifyPayload[] {
  return used === undefined ? [] : [notify(NotifyStatus.PPK_IDENTITY)];
}

/** From now on the IKE SA goes by these keys; what AUTH needed of them is `forgetKeys`'s. */
export function adopt(sa: EmergingSa, { mixed: used }: AuthKeys): void {
  sa.peer.usesPpk = used !== undefined;
  if (used === undefined) {
    if (sa.peer.ppk && sa.role === 'responder') unprotected(sa, 'there is no PPK that the peer names');
    return;
  }
  tell(sa, 'cfg', () => `using PPK for PPK_ID '${formatPpkId(used.ppk.id)}'`);
  sa.keys.skD.wipe();
  sa.keys.skD = used.skD;
}

/** Wipes what of these keys is of use no longer; SK_d with the rest where they were not adopted. */
export function forgetKeys({ init, mixed: used }: AuthKeys, adopted: boolean): void {
  if (used === undefined) return;
  init.skPi.wipe();
  init.skPr.wipe();
  if (!adopted) used.skD.wipe();
}

/** `failure` of a proof that a PPK went into: whether it is the PPK that differs. `certain`: without it the proof holds. */
export function blamedOnPpk(failure: Failure, { mixed: used }: AuthKeys, certain: () => boolean): Failure {
  if (used === undefined || failure.code !== 'auth/wrong-key') return failure;
  const id = formatPpkId(used.ppk.id);
  return certain()
    ? {
        code: 'auth/ppk',
        summary: `the PPK ${id} is another at the peer: without it the proof of identity holds`,
        ours: [used.ppk.key.name],
        theirs: [id],
        remedy: `make the secret ${used.ppk.key.name} here and that of the PPK ${id} at the peer the same`,
      }
    : { ...failure, summary: `${failure.summary}, or the PPK ${id} is another there` };
}

function mixed(sa: EmergingSa, init: InitResult, ppk: Ppk): AuthKeys {
  const { skD, skPi, skPr } = ppkKeys({
    prf: init.prf,
    ppk: ppk.key.secret.reveal(),
    skD: sa.keys.skD,
    skPi: init.skPi,
    skPr: init.skPr,
  });
  return { init: { ...init, skPi, skPr }, mixed: { ppk, skD } };
}

/** RFC 8784 §6: that a PPK was configured and not used is to be known. */
function unprotected(sa: EmergingSa, why: string): void {
  sa.host.event(warning(sa, `${why}: the keys have no protection from quantum computers`));
}

function refused({ name }: Connection, summary: string, theirs?: string): Failed {
  return new Failed({
    code: 'auth/ppk',
    summary: `${name}: ${summary}`,
    ...(theirs === undefined ? {} : { theirs: [theirs] }),
    remedy:
      theirs === undefined
        ? 'set ppk_id at the peer, or ppk_required = no here'
        : `add a secret to secrets { ppk… } with id = ${theirs} here, or set ppk_required = no on both sides`,
  });
}
